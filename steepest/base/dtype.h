// SPDX-License-Identifier: Apache-2.0
// The dtypes in which norms and steps compute, and their names in options and messages.
#pragma once

#include <c10/core/ScalarType.h>

#include <string>

namespace steepest {

// Whether norms and steps compute in this dtype: float64, float32, bfloat16 or float16.
bool is_computable(at::ScalarType dtype);
constexpr const char* kComputable = "float64, float32, bfloat16, float16";

// Whether the dtype is bfloat16 or float16.
inline bool is_half(at::ScalarType dtype) { return dtype == at::kBFloat16 || dtype == at::kHalf; }

// float32 for bfloat16 and float16, else the dtype itself: what sums and divisions are made in.
inline at::ScalarType at_least_float32(at::ScalarType dtype) {
  return is_half(dtype) ? at::kFloat : dtype;
}

// Returns the dtype as options and messages write it: "float32" and the like for the computable
// ones, torch's name for any other.
std::string dtype_name(at::ScalarType dtype);

// Returns the computable dtype that `text` names ("bfloat16"); throws c10::ValueError for any other
// text. `option`, the name of the option that has this value, begins the message.
at::ScalarType read_dtype(const std::string& option, const std::string& text);

}  // namespace steepest
