// SPDX-License-Identifier: Apache-2.0
// The only place that writes weights:  W <- decay W,  W <- W - coefficient s.
#pragma once

#include "steepest/engine/state.h"

namespace steepest {

// 1 - lr wd where the decay is decoupled, else 1.
double decay_factor(const StepInput& in, const Block& block);

// A coefficient a matrix: a number where one holds for all and is known on the host (direction and
// sharp recipes), else a float64 tensor [batch] on the device.
struct Coefficient {
  double number = 0;
  at::Tensor tensor;
};

// value <- keep value - coefficient s of the block's piece of it;  s [b, r, c]. One pass over
// memory where the tensors are plain ones on the CPU.
void move(const Block& block, const at::Tensor& value, const at::Tensor& s,
          const Coefficient& coefficient, double keep);

}  // namespace steepest
