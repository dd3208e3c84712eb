// SPDX-License-Identifier: Apache-2.0
// Blocks of one shape, dtype, device and norm are stacked, so that a norm sees one batch.
#pragma once

#include "steepest/engine/state.h"

namespace steepest {

struct Bucket {
  std::vector<const Block*> blocks;
  int64_t batch = 0;  // the sum of the blocks' batches
};

// In the plan's order, so that the order of reductions depends on the plan alone. A bucket is cut
// where its matrices would outgrow the cache.
std::vector<Bucket> make_buckets(const Plan& plan, const std::vector<Param>& params,
                                 const std::vector<const Block*>& blocks);

struct Direction {
  at::Tensor s;         // [batch, r, c]
  at::Tensor dual;      // [batch] float64 of the bias-corrected momentum; undefined for sharp
  at::Tensor attained;  // [batch] float64: <u, s> of the uncorrected momentum; undefined for sharp
  double scale = 1;     // what s is still to be multiplied by: the bias correction's power
};

enum class Wanted { direction, sharp, both };

// Steepest direction and dual of a bucket, or the direction or dual * direction alone. `u` holds
// each parameter's momentum as the norm is to see it.
Direction measure(const Plan& plan, const std::vector<Param>& params, const Bucket& bucket,
                  const std::vector<at::Tensor>& u, Wanted wanted);

}  // namespace steepest
