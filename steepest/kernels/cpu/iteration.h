// SPDX-License-Identifier: Apache-2.0
// A Newton-Schulz iteration as a whole, by symmetric products.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "steepest/kernels/cpu/gemm_kernel.h"
#include "steepest/kernels/iteration.h"

namespace steepest::cpu {

// Returns the result of the iteration (normalization and all steps) for each matrix of x [B, r, c]
// in float32, bfloat16 or float16, with iterates in float32: [B, r, c] in x's dtype, in the memory
// of x where it may be overwritten. Undefined, with nothing done, so that the caller computes by
// ATen: for float64, for entries that are not in memory, without has_gemm(), and for
// iteration.half_operands where they are no faster than float32's.
at::Tensor iterate(const at::Tensor& x, const PolynomialIteration& iteration, bool may_overwrite);

// Replaces one row-major matrix [rows, columns], of any shape and scale, by the result of the
// iteration, with products by this kernel, which has to run here. A zero matrix gives zero, one
// with a NaN or an infinity gives NaNs.
void iterate_in_place(float* x, int64_t rows, int64_t columns, const PolynomialIteration& iteration,
                      const KernelChoice& kernel);

}  // namespace steepest::cpu
