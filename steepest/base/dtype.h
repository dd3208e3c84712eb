// SPDX-License-Identifier: Apache-2.0
// The dtypes in which norms and steps compute, and their names in options and messages.
#pragma once

#include <c10/core/ScalarType.h>

#include <string>

namespace steepest {

// float64, float32, bfloat16 and float16.
bool is_computable(at::ScalarType dtype);
constexpr const char* kComputable = "float64, float32, bfloat16, float16";

// bfloat16 or float16.
inline bool is_half(at::ScalarType dtype) { return dtype == at::kBFloat16 || dtype == at::kHalf; }

// float32 for these two, else the dtype itself.
inline at::ScalarType at_least_float32(at::ScalarType dtype) {
  return is_half(dtype) ? at::kFloat : dtype;
}

// "float32" and the like for these dtypes, torch's name for any other.
std::string dtype_name(at::ScalarType dtype);

// One of the four by its name; throws c10::ValueError beginning with `option`.
at::ScalarType read_dtype(const std::string& option, const std::string& text);

}  // namespace steepest
