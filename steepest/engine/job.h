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
  Job(const StepInput& in, Bucket bucket, bool needed_for_dual)
      : in_(in), bucket_(std::move(bucket)), needed_for_dual_(needed_for_dual) {}

  const Bucket& bucket() const { return bucket_; }
  // Whether D cannot be known before this bucket is measured.
  bool needed_for_dual() const { return needed_for_dual_; }
  // Duals [count] of the bucket's matrices from number `first` on, once it is measured.
  at::Tensor dual(int64_t first, int64_t count) const {
    return direction_.dual.narrow(0, first, count);
  }

  // The first round of a step that waits for D: stage 1 and, where the dual is needed, stage 2.
  void advance_early(LinearModel& model);

  // The last round: what is left of the stages 1 and 2, and stage 6.
  void measure_late();
  void apply(const StepScales& scales, LinearModel& model);

 private:
  void advance(Storage storage);
  void measure(Wanted wanted);
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
