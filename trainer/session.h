// SPDX-License-Identifier: Apache-2.0
// A model, its data and its optimizer at one step of a run; no files, no printing.
#pragma once

#include <memory>
#include <vector>

#include "steepest/optimizer.h"
#include "trainer/distributed/team.h"
#include "trainer/group_rates.h"
#include "trainer/models/model.h"
#include "trainer/run/checkpoint.h"
#include "trainer/run/loss_window.h"
#include "trainer/run_spec.h"

namespace steepest::trainer {

struct StepResult {
  int64_t step = 0;    // that was taken, from 0
  double loss = 0;     // mean training loss before it, nats
  double lr = 0;       // the first group's
  double seconds = 0;  // wall time of the whole step, and of the optimizer's part
  double optimizer_seconds = 0;
  double q = 1, dual = 0;              // Momo's factor and D; NaN where the recipe has none
  double gap = 0, f_star = 0;          // Momo's f~ - f* and f*, the lower bound on the loss; NaN
                                       // without Momo
  double accuracy = 0;                 // of the batch's rows before the step; NaN where a row
                                       // has no one target (images, pairs)
  double grad_norm = 0;                // before clipping; NaN without clipping
  double spike_z = 0;                  // of the loss, where it is a spike; else NaN
  std::vector<std::string> nonfinite;  // what holds NaN or Inf: names of parameters with such
                                       // gradients, "loss", "gradient norm"
  bool refused = false;                // for that reason: nothing has changed but the step number
};

// What a model is worth on the validation data.
struct Validation {
  double loss = 0;      // mean over the targets, nats
  double accuracy = 0;  // share of the rows that are told right; NaN where a row has no one
                        // target
  double hellaswag =
      0;  // share of the questions that are answered right; NaN without data.hellaswag
  int64_t batches = 0;  // how many batches that took
};

// Which data a session is made for.
enum class DataUse { read, none };

// How a routed q, k, v in one weight is taken: as three matrices, or as one. The first versions
// took it as one and did not say so in their checkpoints.
enum class Fused { parts, whole };

class Session {
 public:
  // Builds data, model and optimizer from the spec. Throws DataError for the data, and
  // std::invalid_argument or c10::ValueError for a model, optimizer, device, size or number of
  // micro-batches that cannot be had. Without data nothing can be trained or evaluated. The
  // processes of the team share each step: each takes its part of the rows of every micro-batch,
  // and all find the same.
  explicit Session(const RunSpec& spec, DataUse use = DataUse::read, Team team = {});

  // Takes one optimizer step on the next batch; clips and schedules as the spec says. Returns what
  // it measured. A step that is refused for NaN or Inf is counted, too: the next one has the next
  // batch.
  StepResult train_step();
  // Returns loss and accuracy on the items of the first `batches` batches of the validation data;
  // 0: on all. Takes the model out of training, so without dropout; train_step puts it back.
  Validation evaluate(int64_t batches);

  // How many batches evaluate(batches) takes: `batches`, at most as many as hold all the data; 0:
  // that many.
  int64_t validation_batches(int64_t batches) const;

  // How many steps were taken, refused ones too.
  int64_t step() const { return step_; }
  // How many of the last steps in a row were refused, or trained on NaN or Inf.
  int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  // Names of the weights, then of the optimizer's state, that hold NaN or Inf.
  std::vector<std::string> nonfinite_state();
  // The model that is trained.
  Model& model() { return *model_; }
  // The run's data; not to be called of a session that was made without data.
  const Dataset& data() const { return *data_; }
  // The optimizer over the model's parameters.
  Optimizer& optimizer() { return *optimizer_; }
  // The parameter groups of the optimizer, as the model's parameters were routed.
  const Groups& groups() const { return groups_; }
  // The rates that the groups have at each step.
  GroupRates& rates() { return rates_; }
  // The processes that share the steps.
  const Team& team() const { return team_; }
  // The spec that the session was built from.
  const RunSpec& spec() const { return spec_; }

  // Takes a fused q, k, v (one weight for the three) as the run of this checkpoint did, as three
  // matrices or as one, with a new optimizer where that differs; to be called before the first
  // step. Returns true where a new run would take it otherwise.
  bool route_as(const Checkpoint& checkpoint);

  // The weights, the optimizer's state, the step and the counters of now, under this hash of the
  // options; its weights share the model's memory.
  Checkpoint checkpoint(const std::string& config_hash) {
    return checkpoint_at(config_hash, now());
  }
  // The checkpoint before the row of refused steps that the last step belongs to. Since then only
  // counters have changed: it has the present weights and the counters of then.
  Checkpoint checkpoint_before_streak(const std::string& config_hash) {
    return checkpoint_at(config_hash, before_streak_);
  }
  // The step of checkpoint_before_streak's checkpoint; 0 where no step precedes the row.
  int64_t step_before_streak() const { return before_streak_.step; }
  // Sets weights, optimizer state, step and counters to those of a checkpoint that require_same_run
  // accepts; messages name its `source`. Throws c10::ValueError for state that does not fit.
  void restore(const Checkpoint& checkpoint, const std::string& source);

 private:
  struct Counters {
    int64_t step = 0, skipped_in_a_row = 0, skipped = 0;
    LossWindow losses;
  };
  // The counters after the steps taken so far.
  Counters now() const { return {step_, skipped_in_a_row_, optimizer_->skipped_steps(), losses_}; }
  Checkpoint checkpoint_at(const std::string& config_hash, const Counters& counters);

  void make_optimizer();
  void forward_backward(StepResult& result);
  void add_up(StepResult& result, const NamedTensors& buffers);
  void clip_gradients(StepResult& result);
  void note_nonfinite(StepResult& result);
  void restore_buffers(const NamedTensors& copies);
  Outcome outcome_of(const Batch& batch);
  double answered_right();

  RunSpec spec_;
  Team team_;
  std::unique_ptr<Dataset> data_;
  std::unique_ptr<Model> model_;
  Fused fused_ = Fused::parts;
  Groups groups_;
  std::unique_ptr<Optimizer> optimizer_;
  GroupRates rates_;
  int64_t step_ = 0, skipped_in_a_row_ = 0;
  LossWindow losses_;
  Counters before_streak_;
};

// For each of these groups, the steps of its schedule: those of the first [[group]] table that
// matches its parameters and says so, else `steps`, the run's.
std::vector<int64_t> schedule_steps(const Groups& groups, const std::vector<GroupSpec>& specs,
                                    int64_t steps);

// The routed groups with the spec's own [[group]] tables applied; throws where one matches nothing.
Groups make_groups(Model& model, const std::vector<GroupSpec>& specs, Fused fused = Fused::parts);

}  // namespace steepest::trainer
