// SPDX-License-Identifier: Apache-2.0
// Stage 6 of a step, apply, and the only place that writes weights:  W <- decayed W - coefficient
// s.
#pragma once

#include "steepest/engine/bucket.h"
#include "steepest/engine/step_input.h"

namespace steepest::engine {

// A coefficient a matrix: a number where one holds for all and is known on the host (direction and
// sharp recipes), else a float64 tensor [batch] on the device.
struct Coefficient {
  double number = 0;
  at::Tensor tensor;
};

// Computes W <- decayed W - coefficient s in place on the block's piece of its parameter, s [b, r,
// c], and returns W to its manifold; in one pass over memory, decay included, where the device has
// a kernel for it.
void apply_update(const StepInput& in, const Block& block, const at::Tensor& s,
                  const Coefficient& coefficient, const Kernels& kernels);

// Returns the matrices [b, r, c] of which the decay takes the share StepInput::decay() away, given
// the direction s: W itself; of a cautious one its entries with s w >= 0; of an anchored one W -
// W_0.
at::Tensor decaying_part(const StepInput& in, const Block& block, const at::Tensor& s);

}  // namespace steepest::engine
