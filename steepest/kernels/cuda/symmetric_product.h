// SPDX-License-Identifier: Apache-2.0
// Products that are known to be symmetric, by half of the multiplications, and what is made of
// them.
#pragma once

#include <ATen/core/Tensor.h>

#include "steepest/kernels/iteration.h"

namespace steepest::cuda {

// Whether rows of x [B, r, c] begin at multiples of 16 bytes in its memory.
bool has_aligned_rows(const at::Tensor& x);

// Whether the symmetric product takes a [B, n, m] as an operand: 16-bit numbers, 256 rows or more,
// a multiple of 8 of them, and aligned.
bool is_symmetric_operand(const at::Tensor& a);

// Returns alpha a b^T + beta d of each matrix of a and b [B, n, m] and d [B, n, n], which may be
// undefined: [B, n, n]. The caller knows that all are operands, d is contiguous and symmetric, and
// a b^T is symmetric but for rounding, which is mirrored away. Undefined where the kernel does not
// run.
at::Tensor symmetric_product(const at::Tensor& a, const at::Tensor& b, double alpha,
                             const at::Tensor& d = {}, double beta = 0);

// Returns the result of the iteration for matrices x [B, r, c] whose short side is 256 or more,
// with iterates and operands in float16 and sums in float32, in x's dtype; undefined where the
// kernel does not take the shape, or does not run.
at::Tensor by_symmetric_products(const at::Tensor& x, const PolynomialIteration& iteration);

}  // namespace steepest::cuda
