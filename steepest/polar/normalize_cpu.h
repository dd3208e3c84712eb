// SPDX-License-Identifier: Apache-2.0
// x / (safety |x|_F) of float32 matrices in two passes over memory instead of five: a float64 sum
// of squares neither overflows at 3e38 nor underflows at 1e-38, so no scaling is needed before it.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest {

// x [B, r, c]; undefined where it is not float32, contiguous and on the CPU. Zero matrices stay
// zero.
at::Tensor normalized_on_cpu(const at::Tensor& x, double safety);

}  // namespace steepest
