// SPDX-License-Identifier: Apache-2.0
// What the solvers share: the way in (check, exact scaling, wide orientation), the way out,
// products.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace steepest {

// x is [B, r, c] in float64, float32, bfloat16 or float16; throws c10::ValueError otherwise.
void check_batch(const at::Tensor& x);

// x * 2^-e for each matrix, e = floor(log2(max |x_ij|)): entries below 2 in absolute value, and the
// same bits for x and for any 2^k x. float16 becomes float32. A new tensor; zero matrices stay
// zero.
at::Tensor scaled_by_power_of_two(const at::Tensor& x);

// At least as many columns as rows: a view, transposed where r > c.
at::Tensor wide(const at::Tensor& x);

// X_0 = x / (safety * |x|_F) in `dtype`, wide; a zero matrix gives zero.
at::Tensor normalized_start(const at::Tensor& x, at::ScalarType dtype, double safety);

// Back from wide to x's shape and dtype, contiguous.
at::Tensor restored(const at::Tensor& y, const at::Tensor& x);

// a b, and beta * c + alpha * a b, for each matrix of a batch.
at::Tensor product(const at::Tensor& a, const at::Tensor& b);
at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha);

// float32 for bfloat16 and float16, of which some methods cannot make do.
at::ScalarType at_least_float32(at::ScalarType dtype);

// What a solver computes in: the dtype's name, or how it follows from the input's where the caller
// leaves it open.
std::string described(const std::optional<at::ScalarType>& dtype, bool half_width);

}  // namespace steepest
