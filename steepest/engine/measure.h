// SPDX-License-Identifier: Apache-2.0
// Stage 2 of a step, measure: the steepest direction of a bucket's u, what the transforms make of
// it, and the dual <u, s> of what is really moved.
#pragma once

#include "steepest/engine/state_batch.h"

namespace steepest::engine {

struct Direction {
  at::Tensor s;              // [B, r, c]
  at::Tensor dual;           // [B] float64 of the bias-corrected momentum; undefined: not asked for
  at::Tensor inner_product;  // [B] float64: <u, s> of the uncorrected one, likewise
  double scale = 1;          // what s is still to be multiplied by: the bias correction's power
  at::Tensor factor = {};    // and, [B] float64, where a sharp one has a factor of its own
  Factors factors = {};      // of the norm's own direction
};

enum class Wanted { direction, sharp, both };

// Steepest direction and dual of u, or the direction or dual * direction alone. It changes nothing
// but u, where that is owned, so that measuring again gives the same.
Direction measure(const StepInput& in, const Bucket& bucket, const Batch& u, Wanted wanted,
                  const BucketState& state);

// The same once a step, when the transforms take the direction into their state first and the norm
// keeps what the next decomposition is to start with.
enum class Keep { all, warm_start };
Direction measure_and_keep(const StepInput& in, const Bucket& bucket, const Batch& u, Wanted wanted,
                           const BucketState& state, Keep keep);

// When the direction has had its last use, for the transforms that keep it.
void finish(const StepInput& in, const Bucket& bucket, const Direction& direction);

}  // namespace steepest::engine
