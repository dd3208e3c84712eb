// SPDX-License-Identifier: Apache-2.0
// Newton-Schulz on a CUDA device: the whole iteration by one block a matrix where the short side is
// at most 192, and symmetric products from 256 on. The entries of the device's table, see
// kernels/table.h; each declines what it does not take.
#pragma once

#include <ATen/core/Tensor.h>

#include "steepest/kernels/iteration.h"

namespace steepest::cuda {

// Takes half_operands only, of matrices in float32, float16 or bfloat16: operands are in float16.
// Short sides between the two, and sides from 256 on that are no multiples of 8, are ATen's.
at::Tensor iterate(const at::Tensor& x, const PolynomialIteration& iteration, bool may_overwrite);

// Takes b = a^T, a view of the same 16-bit numbers, from 256 rows on: half of the product is
// computed, and mirrored.
at::Tensor product(const at::Tensor& a, const at::Tensor& b);

// Takes one matrix R in the place of c, a and b, which is symmetric then, likewise.
at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha);

}  // namespace steepest::cuda
