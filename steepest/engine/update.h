// SPDX-License-Identifier: Apache-2.0
// The only place that writes weights:  W <- decay W,  W <- W - coefficient s.
#pragma once

#include "steepest/engine/bucket.h"

namespace steepest {

// 1 - lr wd, on every parameter with a gradient and decoupled decay.
void decay(const Plan& plan, const std::vector<Param>& params, const std::vector<Rates>& rates);

// A coefficient a matrix: a number where it is known on the host (direction and sharp recipes),
// else a float64 tensor [batch] on the device.
struct Coefficient {
  double number = 0;
  at::Tensor tensor;
};

// s [b, r, c] for the block's b matrices.
void move(const Block& block, const at::Tensor& value, const at::Tensor& s,
          const Coefficient& coefficient);

}  // namespace steepest
