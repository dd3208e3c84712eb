// SPDX-License-Identifier: Apache-2.0
// What comes before and after every iteration: the check of its input, the scaling, the orientation
// in which it works, and the way back.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

namespace steepest::polar {

// Throws a c10::ValueError unless x is [B, r, c] in float64, float32, bfloat16 or float16.
void check_batch(const at::Tensor& x);

// Returns x 2^-e for each matrix of x [B, r, c], e = floor(log2(max |x_ij|)), as a new tensor: its
// elements are below 2 in absolute value, and have the same bits for x and for any 2^k x. float16
// becomes float32, any other dtype stays. Zero matrices stay zero.
at::Tensor scaled_by_power_of_two(const at::Tensor& x);

// Returns a view of x [B, r, c] with at least as many columns as rows: the transpose where r > c.
at::Tensor wide_view(const at::Tensor& x);

// Whether the device of x computes in float64: Apple's does not.
bool has_float64(const at::Tensor& x);

// Writes the Frobenius norm of each matrix of x [B, r, c] into norms [B] float64, in one launch on
// an accelerator.
void matrix_norms_out(const at::Tensor& norms, const at::Tensor& x);

// Returns x / (safety |x|_F) of each matrix of x [B, r, c] as a new tensor in `dtype`, with the
// norm in float64: for accelerators, in three or four launches. A zero matrix stays zero.
at::Tensor divided_by_norm(const at::Tensor& x, at::ScalarType dtype, double safety);

// Returns what an iteration begins with: X_0 = x / (safety |x|_F) of each matrix of x [B, r, c], in
// new memory, in `dtype`, and transposed where r > c, as by wide_view(). A safety above 1 leaves
// room for rounding. A zero matrix gives zero.
at::Tensor normalized_start(const at::Tensor& x, at::ScalarType dtype, double safety);

// Takes a result y of an iteration, which has at least as many columns as rows, back to what its
// caller gave: transposed where x [B, r, c] has r > c, in x's dtype, contiguous. Only x's shape and
// dtype are read.
at::Tensor to_layout_of(const at::Tensor& x, const at::Tensor& y);

// Returns the dtype in which a solver computes, for its describe(): the dtype's name, or, where the
// caller leaves it unset, how it follows from the input's. half_width: whether it may be bfloat16
// or float16.
std::string described(const std::optional<at::ScalarType>& dtype, bool half_width);

}  // namespace steepest::polar
