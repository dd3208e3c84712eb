// SPDX-License-Identifier: Apache-2.0
// What a pass through a model costs, counted from its spec alone.
#pragma once

#include "trainer/models/spec.h"

namespace steepest::trainer {

// Of one row of a batch (a sequence of `tokens`, or an image).
struct PassCost {
  double flops = 0;  // of the products of a forward pass, two for a multiplication and an addition;
                     // the backward pass takes twice as many
  double values = 0;  // about how many numbers the backward pass finds kept
};

// The cost of a valid spec's model; `tokens` is the length of a sequence, `side` that of an image,
// in pixels.
PassCost pass_cost(const ModelSpec& spec, int64_t tokens, int64_t side);

}  // namespace steepest::trainer
