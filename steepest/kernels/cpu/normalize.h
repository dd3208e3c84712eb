// SPDX-License-Identifier: Apache-2.0
// x / (safety |x|_F) of contiguous float32 matrices, in two passes over memory instead of five: a
// float64 sum of squares neither overflows at 3e38 nor underflows at 1e-38, so that nothing is
// scaled before it.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest::cpu {

// Returns x / (safety |x|_F) of each matrix of x [B, r, c], for |x|_F at any scale, in new memory:
// what a polar iteration begins with. A zero matrix stays zero. Undefined, with nothing done, where
// x is not contiguous float32 in this process' memory: the caller then computes by ATen.
at::Tensor normalize(const at::Tensor& x, double safety);

}  // namespace steepest::cpu
