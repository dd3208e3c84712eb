// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include "steepest/kernels/cuda/device/tasks.h"

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

}  // namespace steepest::cuda::test
