// SPDX-License-Identifier: Apache-2.0
// Seeded float32 matrices, and tensors as the products see them.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "steepest/kernels/cpu/gemm.h"

namespace steepest::cpu::test {

inline at::Tensor gaussian(int64_t rows, int64_t columns, uint64_t seed) {
  return at::randn({rows, columns}, at::detail::createCPUGenerator(seed), at::kFloat);
}

inline View view_of(const at::Tensor& t) {
  return {t.const_data_ptr<float>(), t.size(0), t.size(1), t.stride(0), t.stride(1)};
}

}  // namespace steepest::cpu::test
