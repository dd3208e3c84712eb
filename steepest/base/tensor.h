// SPDX-License-Identifier: Apache-2.0
// What norms, solvers and steps ask of tensors, whatever their dtype, strides and scale.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "steepest/base/batch.h"
#include "steepest/base/dtype.h"
#include "steepest/kernels/kernels.h"

namespace steepest {

// Returns the largest magnitude of each tensor's entries, 0 of an undefined or empty one, NaN where
// an entry is NaN. Those of tensors on a device are fetched together, with one wait for it.
std::vector<double> largest_magnitudes(const std::vector<at::Tensor>& tensors);

// Returns the Frobenius inner product sum_ij a_ij b_ij of each pair of matrices of a and b [B, r,
// c], which may have any dtype and strides: [B] float64. It is multiplied and accumulated in
// float64, which holds every product of two float32 numbers.
at::Tensor inner_product(const at::Tensor& a, const at::Tensor& b);

// Returns the Frobenius norm of each matrix of m [B, r, c], [B] in float64.
at::Tensor frobenius_norm(const at::Tensor& m);

// v [B], one number for each matrix of m [B, r, c], as [B, 1, 1] in m's dtype: m times or divided
// by it scales the matrices. Only m's dtype is read.
at::Tensor per_matrix(const at::Tensor& v, const at::Tensor& m);

// A float16 or bfloat16 x as float32, any other x itself: what reductions and divisions are done
// in.
at::Tensor at_least_float32(const at::Tensor& x);

// x [B, r, c] / v for v [B] float64, and 0 where v is 0. The result has x's dtype; a v outside the
// range of that dtype is no loss, as the division is then made in float64.
at::Tensor divided(const at::Tensor& x, const at::Tensor& v);

// Returns the largest power of two that is at most |x|, elementwise for float64 x, and 1 where x is
// zero or not finite: dividing by it takes a scale out of squares, and multiplying by it puts it
// back, without a rounding.
at::Tensor power_of_two(const at::Tensor& x);

// 2^-floor(log2 x) of float32 or float64 x >= 0, taken from the bits of its exponent: exact on
// every device, whether or not that flushes denormals. A zero or denormal x gives the largest power
// that its dtype holds, an infinity or a NaN the smallest.
at::Tensor reciprocal_power_of_two(const at::Tensor& x);

// Returns a / b, elementwise and broadcast, but 0 where b is 0, even for 0 / 0: so a norm of a zero
// matrix gives the direction 0 and no NaN.
at::Tensor safe_divide(const at::Tensor& a, const at::Tensor& b);

}  // namespace steepest
