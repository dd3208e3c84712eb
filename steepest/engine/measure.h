// SPDX-License-Identifier: Apache-2.0
// Stage 2 of a step, measure: the steepest direction of a bucket's u, what the transforms make of
// it, and the dual <u, s> of what is really moved.
#pragma once

#include "steepest/engine/state_batch.h"

namespace steepest::engine {

// A bucket's measured directions. The update moves along s * scale, times `factor` where defined.
struct Direction {
  at::Tensor s;              // [B, r, c]
  at::Tensor dual;           // [B] float64 of the bias-corrected momentum; undefined: not asked for
  at::Tensor inner_product;  // [B] float64: <u, s> of the uncorrected one, likewise
  double scale = 1;          // what s is still to be multiplied by: the bias correction's power
  at::Tensor factor = {};    // and, [B] float64, where a sharp one has a factor of its own
  Factors factors = {};      // of the norm's own direction
};

// What is asked of a norm: s alone; sharp, dual * s, in which the dual stays a factor; s and dual.
enum class Wanted { direction, sharp, both };
// Returns what a step of the plan asks for: dual * direction of a sharp step; a dual norm beside
// the direction where the network's dual norm, of this step or the next one, is made of it; else
// the direction alone.
Wanted wanted_of(const Plan& plan);

// Returns the steepest direction and the dual of u [B, r, c], what the bucket's norm is given, or,
// as `wanted` says, the direction alone or dual * direction (sharp). It changes no state, and of u
// only one that is owned, so that measuring again gives the same.
Direction measure(const StepInput& in, const Bucket& bucket, const Batch& u, Wanted wanted,
                  const BucketState& state);

// Keep says what measure_and_keep stores: all of it once a step, the warm start alone whenever the
// same is measured again.
enum class Keep { all, warm_start };
// Measures as measure() does and stores what the next step reads: the warm start of the norm's next
// decomposition and, with Keep::all, the direction in the transforms' state.
Direction measure_and_keep(const StepInput& in, const Bucket& bucket, const Batch& u, Wanted wanted,
                           const BucketState& state, Keep keep);

// Returns the duals [B] float64 of the bias-corrected momenta, of which `direction` is the answer
// that was `wanted`, for u [B, r, c] as the norm was given it: they are the direction's own where
// it has them.
at::Tensor dual_of(const StepInput& in, const Bucket& bucket, const at::Tensor& u,
                   const Direction& direction, Wanted wanted);

// Passes the direction, after the weights have moved by it, to the transforms that leave it as it
// is and only change state by it: error feedback, which takes what was used away from the momentum.
void finish(const StepInput& in, const Bucket& bucket, const Direction& direction);

}  // namespace steepest::engine
