// SPDX-License-Identifier: Apache-2.0
// The C++ face: a torch::optim::Optimizer over the engine, for any libtorch program.
#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/engine/state.h"
#include "steepest/group_options.h"
#include "steepest/io/file_error.h"

namespace STEEPEST_API steepest {

struct Plan;         // plan.h, for the library's own parts
class ProcessGroup;  // distributed/process_group.h

struct BlockState : public torch::optim::OptimizerCloneableParamState<BlockState> {
  ParamState value;
  // Empty: Optimizer::save and load take all states, whole.
  void serialize(torch::serialize::InputArchive&) override {}
  void serialize(torch::serialize::OutputArchive&) const override {}
};

class Optimizer : public torch::optim::Optimizer {
 public:
  // Groups may be empty. Frozen parameters are taken too, and move once they have a gradient.
  // Throws c10::ValueError where recipe, groups or views are wrong: parameters that are no leaves,
  // have no memory (meta) or share it, are not in float64, float32, bfloat16 or float16, or are
  // given twice, as are names.
  Optimizer(const Groups& groups, Recipe recipe);
  // Bare tensors, torch's way: 2-D are matrices, the rest goes to the backup norm.
  Optimizer(const std::vector<at::Tensor>& params, Recipe recipe);
  Optimizer(Optimizer&&);
  ~Optimizer() override;

  // Adds a group, or throws c10::ValueError and changes nothing. One that is added through a
  // torch::optim::Optimizer& is taken as bare tensors with the recipe's choices.
  void add_param_group(const Group& group);

  // Shares the steps from here on among the processes of the group: each holds all parameters,
  // has the same gradients, calls step() when the others do, and measures the directions of its
  // part of the matrices. observe()'s losses are averaged over them.
  void share(std::shared_ptr<ProcessGroup> group);

  // Adds the loss of a micro-batch, unscaled and undivided, to the weighted mean that the next
  // step() uses (Momo). Throws c10::ValueError unless it is one real number, and weight above 0.
  void observe(const at::Tensor& loss, double weight = 1);

  // Takes one step over the parameters that have a gradient; without any it only warns, once. Under
  // Momo the loss comes from observe() or from the closure: none, both, or state that does not fit
  // is an error before anything changes. Returns the closure's loss, undefined without one.
  at::Tensor step(LossClosure closure = nullptr) override;

  const Recipe& recipe() const { return recipe_; }
  const Plan& plan();
  std::string print_plan();  // a table: name, shape, role, norm, matrices, radius
  // Of the last step().
  const StepStats& stats() const { return stats_; }
  // D in stats() also where no step needs it; changes no bit.
  void measure_duals(bool on) { measure_duals_ = on; }
  // Momo's f* after the last step; undefined without.
  const at::Tensor& f_star() const { return global_.f_star; }
  // Steps left out so far for NaN or Inf (nonfinite = skip).
  int64_t skipped_steps() const { return skipped_; }

  void save(torch::serialize::OutputArchive& archive) const override;
  void load(torch::serialize::InputArchive& archive) override;

 private:
  friend struct Snapshot;
  void refresh();  // the plan, when groups or parameters have changed
  void drop_orphans();
  void warn_once(const std::vector<Param>& params, const at::Tensor& loss);
  std::vector<Param> collect_params();
  std::vector<Rates> current_rates() const;
  at::Tensor mean_loss(const at::Tensor& of_closure) const;
  ParamState& state_of(const at::Tensor& param);

  struct Planned;  // the plan, and the tensors that it was made of

  Recipe recipe_;
  std::unique_ptr<Planned> planned_;
  ParamState none_;  // of every parameter that has had no gradient yet
  GlobalState global_;
  at::Tensor observed_;
  double observed_weight_ = 0;
  StepStats stats_;
  int64_t skipped_ = 0;
  int64_t calls_ = 0;  // of step(), since construction
  bool warned_idle_ = false, warned_loss_ = false, measure_duals_ = false;
};

// All state, by parameter name, under torch's keys ("state.<name>.momentum_buffer"), with the
// recipe's name and the groups' rates as metadata. load changes nothing unless everything fits:
// format, recipe and its choices, rates, names, kinds and shapes of every tensor. Where the names
// differ only by what wrappers put before them (module., _orig_mod., _fsdp_wrapped_module.,
// _checkpoint_wrapped_module.) they are understood. Both throw one line naming the file.
void save(const Optimizer& optimizer, const std::string& path);
void load(Optimizer& optimizer, const std::string& path);

}  // namespace steepest
