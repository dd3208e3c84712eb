// SPDX-License-Identifier: Apache-2.0
// The only place that writes weights:  W <- decay W,  W <- W - coefficient s.
#pragma once

#include "steepest/engine/bucket.h"

namespace steepest {

// 1 - lr wd of a parameter with decoupled decay, else 1.
double decay_factor(const Plan& plan, const std::vector<Rates>& rates, int64_t param);

// A coefficient a matrix: a number where it is known on the host (direction and sharp recipes),
// else a float64 tensor [batch] on the device.
struct Coefficient {
  double number = 0;
  at::Tensor tensor;
};

// value <- keep value - coefficient s;  s [b, r, c] for the block's b matrices.
void move(const Block& block, const at::Tensor& value, const at::Tensor& s,
          const Coefficient& coefficient, double keep);

}  // namespace steepest
