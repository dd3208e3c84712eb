// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/pseudo_random.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "steepest/kernels/kernels.h"

namespace steepest::svd {
namespace {

// Returns one round of a 32-bit hash of each element of x, as x int64 with values below 2^32: a
// change of one bit spreads over many. The constant is small enough that no int64 product
// overflows.
at::Tensor hash_round(const at::Tensor& x) {
  return x.bitwise_xor(x.bitwise_right_shift(16)).mul(0x45d9f3b).bitwise_and(0xffffffff);
}

}  // namespace

at::Tensor pseudo_random(int64_t rows, int64_t first_column, int64_t columns,
                         const at::TensorOptions& options) {
  const auto out = at::empty({rows, columns}, options);
  if (try_kernel(kernels_of(out).fill_pseudo_random, out, first_column)) return out;
  const auto integers = options.dtype(at::kLong);
  const auto i = at::arange(rows, integers).unsqueeze(1);
  const auto j = at::arange(first_column + 1, first_column + 1 + columns, integers);
  const auto x = hash_round(hash_round((i + j * 0x1e3779b1).bitwise_and(0xffffffff)));
  const auto bits = x.bitwise_xor(x.bitwise_right_shift(16)).bitwise_right_shift(8);
  return bits.to(options.dtype()) * 0x1p-23 - 1;  // 24 bits: exact in float32
}

at::Tensor starting_block(const at::Tensor& start, int64_t width, int64_t rows,
                          const at::TensorOptions& options) {
  if (!start.defined()) return pseudo_random(rows, 0, width, options);
  const auto random = pseudo_random(rows, 0, std::max<int64_t>(width - start.size(1), 0), options);
  return at::cat({start, random * (1 / std::sqrt(rows / 3.0))}, 1);  // E x_i^2 = 1/3
}

}  // namespace steepest::svd
