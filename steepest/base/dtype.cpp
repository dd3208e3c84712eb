// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/dtype.h"

#include <c10/util/Exception.h>

#include "steepest/base/text.h"

namespace steepest {
namespace {

struct NamedDtype {
  const char* name;
  at::ScalarType dtype;
};
constexpr NamedDtype kDtypes[] = {{"float64", at::kDouble},
                                  {"float32", at::kFloat},
                                  {"float16", at::kHalf},
                                  {"bfloat16", at::kBFloat16}};

}  // namespace

bool is_computable(at::ScalarType dtype) {
  for (const auto& known : kDtypes)
    if (known.dtype == dtype) return true;
  return false;
}

std::string dtype_name(at::ScalarType dtype) {
  for (const auto& known : kDtypes)
    if (known.dtype == dtype) return known.name;
  return c10::toString(dtype);
}

at::ScalarType read_dtype(const std::string& option, const std::string& text) {
  for (const auto& known : kDtypes)
    if (text == known.name) return known.dtype;
  TORCH_CHECK_VALUE(false, option, ": received ", shown(text),
                    ", allowed float64, float32, float16, bfloat16");
}

}  // namespace steepest
