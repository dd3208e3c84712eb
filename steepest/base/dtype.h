// SPDX-License-Identifier: Apache-2.0
// The dtypes that norms and steps are computed of, and their names in options and messages.
#pragma once

#include <c10/core/ScalarType.h>

#include <string>

namespace steepest {

// float64, float32, bfloat16 and float16.
bool is_computable(at::ScalarType dtype);
constexpr const char* kComputable = "float64, float32, bfloat16, float16";

// "float32"; of any other dtype torch's name.
std::string dtype_name(at::ScalarType dtype);

// One of the four by its name; throws c10::ValueError beginning with `option`.
at::ScalarType read_dtype(const std::string& option, const std::string& text);

}  // namespace steepest
