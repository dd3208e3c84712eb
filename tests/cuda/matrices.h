// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include "steepest/kernels/cuda/device/tasks.h"
#include "steepest/kernels/iteration.h"

namespace steepest::cuda::test {

inline at::Tensor gaussian(at::IntArrayRef sizes, uint64_t seed,
                           at::ScalarType dtype = at::kFloat) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn(sizes, generator, at::TensorOptions(at::kDouble)).to(dtype);
}

inline Kind kind_of(const at::Tensor& x) {
  if (x.scalar_type() == at::kFloat) return Kind::float32;
  return x.scalar_type() == at::kHalf ? Kind::float16 : Kind::bfloat16;
}

// Returns the iteration of x [B, r, c] in float64, by its definition.
inline at::Tensor exact(const at::Tensor& x, const PolynomialIteration& iteration) {
  auto y = x.to(at::kDouble);
  y = y / (iteration.safety * at::linalg_vector_norm(y, 2, at::IntArrayRef{1, 2}, true));
  for (const auto& p : iteration.steps) {
    const auto g = at::matmul(y, y.mT());
    y = p.a * y + at::matmul(p.b * g + p.c * at::matmul(g, g), y);
  }
  return y;
}

}  // namespace steepest::cuda::test
