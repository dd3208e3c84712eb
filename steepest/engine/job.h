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
  // needed_for_dual says whether the network's dual norm D cannot be known before this bucket is
  // measured. The job owns its bucket and keeps a reference to the step's input.
  Job(const StepInput& in, Bucket bucket, bool needed_for_dual)
      : in_(in), bucket_(std::move(bucket)), needed_for_dual_(needed_for_dual) {}

  // Returns the job's bucket: blocks that share norm and matrix shape.
  const Bucket& bucket() const { return bucket_; }
  // Whether the network's dual norm D cannot be known before this bucket is measured.
  bool needed_for_dual() const { return needed_for_dual_; }
  // Returns the duals [count] of the bucket's matrices from number `first` on, once it is measured.
  at::Tensor dual(int64_t first, int64_t count) const {
    return direction_.dual.narrow(0, first, count);
  }

  // Whether the duals of this step are known: asked for, measured, and not dropped yet.
  bool has_dual() const { return direction_.dual.defined(); }

  // Returns the duals [count] of the bucket's matrices from number `first` on that the last round
  // has measured for D alone: with StepInput::measure_duals, where the step itself needs none.
  at::Tensor measured_dual(int64_t first, int64_t count) const {
    return measured_dual_.narrow(0, first, count);
  }

  // Does the first round of a step that waits for the network's dual norm D: advances the momenta
  // and, where D needs this bucket, measures its directions and duals. Nothing is done where
  // neither D nor Momo's `model`, which records its inner products with u here, asks for it.
  void advance_early(LinearModel& model);

  // Makes the directions in the last round, where the first has made none or dropped them to save
  // memory: advances the momenta, or makes u again from advanced ones, and measures.
  void measure_late();
  // Moves the weights by the directions times what `scales` says, records the moves in Momo's
  // recursive `model`, stores the duals and the state that the next step reads, and drops the
  // directions.
  void apply(StepScales& scales, LinearModel& model);

 private:
  // Sets update_ to u, what the bucket's norm is given, and state_ to the slots of its norm and
  // transforms. The first call in a step advances the momenta; later calls make the same u again
  // and change none (update_again()). `storage` says whose memory u takes.
  void advance(Storage storage);
  // Moves the weights as apply() says, block after block.
  void apply_each(const StepScales& scales, LinearModel& model);
  // Asks the norm for the direction, and the dual norm where it is `wanted`, of the u that
  // advance() has kept, and sets direction_ to the answer; only the first time in a step do the
  // transforms take the direction into their state.
  void measure(Wanted wanted);

  const StepInput& in_;
  Bucket bucket_;
  bool needed_for_dual_;
  BucketState state_ = {};
  Batch update_ = {};  // u, between advance and measure
  bool advanced_ = false;
  bool measured_ = false;     // at least once
  Direction direction_ = {};  // once measured
  at::Tensor measured_dual_;  // [B] float64, of measure_duals
};

}  // namespace steepest::engine
