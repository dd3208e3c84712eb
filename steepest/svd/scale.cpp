// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/scale.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>

#include <limits>

#include "steepest/base/tensor.h"

namespace steepest::svd {

Scale::Scale(const at::Tensor& a) {
  // What lies beyond `far` is brought near first, so that the second factor cannot overflow.
  const double far = a.scalar_type() == at::kDouble ? 0x1p512 : 0x1p64;
  const double infinity = std::numeric_limits<double>::infinity();
  largest_ = at::linalg_vector_norm(a, infinity, {1, 2}).to(at::kDouble);
  const auto one = at::ones_like(largest_);  // a scalar would be taken in the default dtype
  first_ = at::where(largest_ < 1 / far, one * far, at::where(largest_ > far, one / far, one));
  const auto near = largest_ * first_;
  second_ = at::where((near > 0).logical_and(near < infinity), .5 / power_of_two(near), 1.0);
}

at::Tensor Scale::scaled(const at::Tensor& a, int64_t b, at::ScalarType dtype) const {
  const auto matrix = a.select(0, b).to(dtype);
  return matrix * first_.select(0, b).to(dtype) * second_.select(0, b).to(dtype);
}

at::Tensor Scale::restored(const at::Tensor& s) const {
  if (s.dim() == 1) return s / first_ / second_;
  return s / first_.unsqueeze(1) / second_.unsqueeze(1);
}

}  // namespace steepest::svd
