// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/plain.h"

#include <cmath>
#include <limits>

namespace steepest {

bool is_in_memory(const at::Tensor& t) {
  return t.is_cpu() && !t.key_set().has(c10::DispatchKey::Python);
}

bool is_contiguous_float32(const at::Tensor& t) {
  return is_in_memory(t) && t.scalar_type() == at::kFloat && t.is_contiguous();
}

bool is_in_float32_range(double x) {
  const double size = std::abs(x);
  return size == 0 ||
         (size >= std::numeric_limits<float>::min() && size <= std::numeric_limits<float>::max());
}

bool is_scalar_of(double x, at::ScalarType dtype) {
  if (dtype == at::kDouble) return true;
  const double size = std::abs(x);
  // 2^-14 is float16's smallest normal number, 65504 its largest.
  return is_in_float32_range(x) &&
         (dtype != at::kHalf || size == 0 || (size >= 0x1p-14 && size <= 65504));
}

}  // namespace steepest
