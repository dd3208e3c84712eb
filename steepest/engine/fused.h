// SPDX-License-Identifier: Apache-2.0
// One pass over memory where ATen's operators take two or three; the bits are ATen's. Each returns
// false, and does nothing, where its tensors are not float32, contiguous and on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest {

// What these loops take.
bool fusible(const at::Tensor& t);

// m <- lerp(m, g, take);  u <- lerp(g, m, carry), torch's Nesterov. 16 bytes a number instead
// of 24.
bool fused_momentum(const at::Tensor& m, const at::Tensor& g, const at::Tensor& u, double take,
                    double carry);

// <lerp(g, m, carry), s> of each of `batch` matrices, for the u of fused_momentum when it is gone:
// [batch] float64.
bool fused_look_products(const at::Tensor& m, const at::Tensor& g, double carry,
                         const at::Tensor& s, const at::Tensor& products);

// Zero, or a number that float32 holds with all its digits.
bool is_single(double x);

// What an operator on tensors of `dtype` takes as a scalar without a loss: float32's numbers, but
// ATen on the CPU rounds a scalar to float16 beside float16 tensors, and throws where it cannot.
bool is_scalar_of(double x, at::ScalarType dtype);

// w <- w keep - coefficient s, the weights' step and a heavy ball's. 12 bytes a number instead
// of 20. A coefficient that is no float32 is multiplied in float64: what it makes of s may be one.
bool fused_update(const at::Tensor& w, const at::Tensor& s, double keep, double coefficient);

}  // namespace steepest
