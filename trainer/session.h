// SPDX-License-Identifier: Apache-2.0
// A model, its data and its optimizer at one step of a run; no files, no printing.
#pragma once

#include <memory>
#include <vector>

#include "steepest/optimizer.h"
#include "trainer/checkpoint.h"
#include "trainer/models/model.h"
#include "trainer/run_spec.h"

namespace steepest::trainer {

struct StepResult {
  int64_t step = 0;    // that was taken, from 0
  double loss = 0;     // mean training loss before it, nats
  double lr = 0;       // the first group's
  double seconds = 0;  // wall time of the whole step, and of the optimizer's part
  double optimizer_seconds = 0;
  double q = 1, dual = 0;              // Momo's factor and D; NaN where the recipe has none
  double grad_norm = 0;                // before clipping; NaN without clipping
  std::vector<std::string> nonfinite;  // names, where the step was refused
};

class Session {
 public:
  // Builds everything from the spec; throws what the parts throw.
  explicit Session(const RunSpec& spec);

  StepResult train_step();
  double evaluate(int64_t batches);  // mean validation loss over the first batches; 0: all

  int64_t step() const { return step_; }  // steps taken
  int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  Model& model() { return *model_; }
  const Dataset& data() const { return *data_; }
  Optimizer& optimizer() { return *optimizer_; }
  const Groups& groups() const { return groups_; }
  const RunSpec& spec() const { return spec_; }

  // Weights, optimizer, step and counters. restore: of a checkpoint that require_same_run accepts.
  Checkpoint checkpoint(const std::string& config_hash);
  void restore(const Checkpoint& checkpoint, const std::string& source);

 private:
  void set_rates();
  double forward_backward();
  at::Tensor loss_of(const Batch& batch);

  RunSpec spec_;
  std::unique_ptr<Dataset> data_;
  std::unique_ptr<Model> model_;
  Groups groups_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<double> base_lrs_;
  int64_t step_ = 0, skipped_in_a_row_ = 0;
};

// The routed groups with the spec's own [[group]] tables applied; throws where one matches nothing.
Groups make_groups(Model& model, const std::vector<GroupSpec>& specs);

}  // namespace steepest::trainer
