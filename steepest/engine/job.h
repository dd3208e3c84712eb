// SPDX-License-Identifier: Apache-2.0
// A bucket on its way through the step: what it holds between the stages.
#pragma once

#include "steepest/engine/advance.h"
#include "steepest/engine/linear_model.h"
#include "steepest/engine/measure.h"
#include "steepest/engine/scales.h"

namespace steepest::engine {

class Job {
 public:
  // needed_for_dual says whether D cannot be known before this bucket is measured.
  Job(const StepInput& in, Bucket bucket, bool needed_for_dual)
      : in_(in), bucket_(std::move(bucket)), needed_for_dual_(needed_for_dual) {}

  const Bucket& bucket() const { return bucket_; }
  // Whether D cannot be known before this bucket is measured.
  bool needed_for_dual() const { return needed_for_dual_; }
  // Returns the duals [count] of the bucket's matrices from number `first` on, once it is measured.
  at::Tensor dual(int64_t first, int64_t count) const {
    return direction_.dual.narrow(0, first, count);
  }

  // Does the first round of a step that waits for D: stage 1 (advance) and, where D needs this
  // bucket, stage 2 (measure).
  void advance_early(LinearModel& model);

  // Does what is left of the stages 1 and 2, in the last round.
  void measure_late();
  // Does stage 6: moves the weights, records the moves for Momo's recursive model, and stores what
  // the next step reads.
  void apply(const StepScales& scales, LinearModel& model);

 private:
  // Fills update_ with u: by advance() the first time in a step, by update_again() after that.
  void advance(Storage storage);
  // Fills direction_ from u; only the first time in a step do the transforms take it into their
  // state.
  void measure(Wanted wanted);
  // Returns what the plan, and stale duals, ask of the norm.
  Wanted wanted() const;

  const StepInput& in_;
  Bucket bucket_;
  bool needed_for_dual_;
  BucketState state_ = {};
  Batch update_ = {};  // u, between advance and measure
  bool advanced_ = false;
  bool measured_ = false;     // at least once
  Direction direction_ = {};  // once measured
};

}  // namespace steepest::engine
