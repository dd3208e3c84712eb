// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <unordered_set>

#include "steepest/base/text.h"
#include "steepest/distributed/process_group.h"
#include "steepest/distributed/sharing.h"
#include "steepest/engine/check.h"
#include "steepest/engine/step.h"
#include "steepest/optimizer_groups.h"

namespace steepest {
namespace {

// Returns one group of all parameters, named by their index ("0", "1", ..), without a role or
// options of its own.
Groups single_group(const std::vector<at::Tensor>& params) {
  Group group;
  for (const auto& param : params)
    group.params.emplace_back(std::to_string(group.params.size()), param);
  return {group};
}

}  // namespace

struct Optimizer::Planned {
  using TorchGroups = std::vector<torch::optim::OptimizerParamGroup>;
  bool is_current(TorchGroups& groups) const;
  void register_params(TorchGroups& groups);

  Plan plan;
  bool made = false;
  std::vector<size_t> owners;                    // of each plan group: the param group
  std::vector<std::vector<at::Tensor>> tensors;  // the param groups' tensors in the plan
  engine::ParamRegistry registry;
  size_t registered = 0;                // param groups in it
  std::shared_ptr<ProcessGroup> group;  // null: this process takes its steps alone
};

Optimizer::Optimizer(Optimizer&&) = default;
Optimizer::~Optimizer() = default;

Optimizer::Optimizer(const Groups& groups, Recipe recipe)
    : torch::optim::Optimizer(std::vector<torch::optim::OptimizerParamGroup>{},
                              std::make_unique<GroupOptions>(recipe.matrix.lr)),
      recipe_(std::move(recipe)),
      planned_(std::make_unique<Planned>()) {
  defaults_ = options_of(recipe_, Group{});
  for (const auto& group : groups) add_param_group(group);
  refresh();
}

// Makes an optimizer of one group of all these tensors, which are named by their index: those of
// two dimensions are matrices, the rest takes the backup norm.
Optimizer::Optimizer(const std::vector<at::Tensor>& params, Recipe recipe)
    : Optimizer(single_group(params), std::move(recipe)) {}

// Checks the group alone; the plan of all of them is made when it is needed next.
void Optimizer::add_param_group(const Group& group) {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, param] : group.params) tensors.push_back(param);
  // torch's base class has added some
  if (planned_->registered != param_groups_.size()) {
    complete_added_groups(recipe_, planned_->registered, param_groups_);
    planned_->register_params(param_groups_);
  }
  try {
    planned_->registry.add(group.params);
    check_group(recipe_, group);
  } catch (...) {
    planned_->register_params(param_groups_);
    throw;
  }
  torch::optim::Optimizer::add_param_group(torch::optim::OptimizerParamGroup(tensors));
  // torch gave it a copy of the defaults, since it does not know these options' class.
  param_groups_.back().set_options(options_of(recipe_, group));
  planned_->registered = param_groups_.size();
}

// Makes `registry`, which checks names and tensors of added groups, anew from all groups, whose
// tensors may have been replaced, and counts them in `registered`.
void Optimizer::Planned::register_params(TorchGroups& groups) {
  engine::ParamRegistry again;
  for (size_t g = 0; g < groups.size(); ++g) again.add(named(groups[g], g));
  registry = std::move(again);
  registered = groups.size();
}

// Whether the plan was made for these groups, with the tensors and the shapes that they have now;
// where it was not, refresh() makes it anew.
bool Optimizer::Planned::is_current(std::vector<torch::optim::OptimizerParamGroup>& groups) const {
  if (!made || tensors.size() != groups.size()) return false;
  size_t index = 0;
  for (size_t g = 0; g < tensors.size(); ++g) {
    const auto& now = groups[g].params();
    if (tensors[g].size() != now.size()) return false;
    for (size_t i = 0; i < now.size(); ++i, ++index) {
      if (!now[i].is_same(tensors[g][i])) return false;
      if (now[i].sizes() != plan.params[index].shape) return false;
    }
  }
  return true;
}

// Brings planned_ up to date: where groups have come or parameters have been replaced since the
// plan was made, makes the plan anew, and drops the state of tensors that are gone. Else does
// nothing.
void Optimizer::refresh() {
  if (planned_->is_current(param_groups_)) return;
  complete_added_groups(recipe_, planned_->registered, param_groups_);
  planned_->register_params(param_groups_);
  GroupLayout layout(recipe_);
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    layout.add(options_in(param_groups_[g]).group, named(param_groups_[g], g), g);
  }
  planned_->plan = make_plan(recipe_, std::move(layout.params), std::move(layout.groups));
  if (const auto* group = planned_->group.get())
    planned_->plan = share_replicas(std::move(planned_->plan), group->rank(), group->size());
  planned_->owners = std::move(layout.owners);
  planned_->made = true;
  planned_->tensors.clear();
  for (const auto& group : param_groups_) planned_->tensors.push_back(group.params());
  drop_orphans();
}

// Erases the state of tensors that are in no group any more: torch keys state by the tensor's
// address, which another tensor may have after this one.
void Optimizer::drop_orphans() {
  std::unordered_set<const void*> own;
  for (const auto& group : planned_->tensors) {
    for (const auto& param : group) own.insert(param.unsafeGetTensorImpl());
  }
  std::vector<void*> orphans;
  for (const auto& [param, state] : state_) {
    if (own.count(param) == 0) orphans.push_back(param);
  }
  for (auto* param : orphans) state_.erase(param);
}

// Returns the plan of the parameters as they are now.
const Plan& Optimizer::plan() {
  refresh();
  return planned_->plan;
}

// Returns the plan of the parameters as they are now as a table for a person to read.
std::string Optimizer::print_plan() { return steepest::print_plan(plan()); }

// Returns the parameter's state (momentum, slots), as a reference into torch's state_; where there
// is none, makes an empty one there.
ParamState& Optimizer::state_of(const at::Tensor& param) {
  auto& state = state_[param.unsafeGetTensorImpl()];
  if (!state) state = std::make_unique<BlockState>();
  return static_cast<BlockState&>(*state).value;
}

// Lists all parameters in the plan's order, each with its gradient and a pointer to its state, as
// the engine takes them; those that have had no gradient share one empty state, none_.
std::vector<Param> Optimizer::collect_params() {
  std::vector<Param> params;
  for (const auto& group : param_groups_) {
    for (const auto& p : group.params()) {
      const bool has_state = p.grad().defined() || state_.count(p.unsafeGetTensorImpl()) != 0;
      params.push_back({p, p.grad(), has_state ? &state_of(p) : &none_});
    }
  }
  return params;
}

// Returns the learning rate and the weight decay of each plan group, as its param group's options
// are now: a scheduler may have changed them. A param group of both roles makes two plan groups,
// which stand beside each other; that of what is no matrix has lr * backup_lr_ratio and a decay of
// its own.
std::vector<Rates> Optimizer::current_rates() const {
  std::vector<Rates> rates;
  const auto& owners = planned_->owners;
  for (size_t g = 0; g < owners.size(); ++g) {
    const auto& o = static_cast<const GroupOptions&>(param_groups_[owners[g]].options());
    const bool of_both = (g > 0 && owners[g - 1] == owners[g]) ||
                         (g + 1 < owners.size() && owners[g + 1] == owners[g]);
    const bool beside = of_both && planned_->plan.groups[g].role == Role::backup;
    rates.push_back({beside ? o.lr * o.backup_lr_ratio : o.lr,
                     beside ? o.backup_weight_decay : o.weight_decay});
  }
  return rates;
}

void Optimizer::share(std::shared_ptr<ProcessGroup> group) {
  planned_->group = std::move(group);
  planned_->made = false;
  refresh();
}

// Returns the loss that this step is told: the mean of the observed ones, else the closure's,
// averaged over the processes that share the step; undefined where there is none. Collective where
// there are such.
at::Tensor Optimizer::mean_loss(const at::Tensor& of_closure) const {
  const auto alone = observed_weight_ > 0 ? observed_ / observed_weight_ : of_closure;
  if (!planned_->group) return alone;
  at::NoGradGuard no_grad;
  auto pair = at::zeros({2}, at::kDouble);  // loss times weight, and weight
  if (alone.defined()) {
    const double weight = observed_weight_ > 0 ? observed_weight_ : 1;
    pair.select(0, 0).copy_(alone.detach().reshape({})), pair.select(0, 0).mul_(weight);
    pair.select(0, 1).fill_(weight);
  }
  pair = planned_->group->sum(pair);
  const double weight = pair.select(0, 1).item<double>();
  return weight > 0 ? pair.select(0, 0) / weight : at::Tensor();
}

void Optimizer::observe(const at::Tensor& loss, double weight) {
  TORCH_CHECK_VALUE(loss.defined() && loss.numel() == 1, "observe: loss: received shape ",
                    loss.defined() ? loss.sizes() : at::IntArrayRef(), ", allowed one number");
  TORCH_CHECK_VALUE(weight > 0 && std::isfinite(weight), "observe: weight: received ",
                    print_number(weight), ", allowed a finite number above 0");
  TORCH_CHECK_VALUE(!loss.is_complex(), "observe: loss: received ", loss.scalar_type(),
                    ", allowed a real number");
  at::NoGradGuard no_grad;
  const auto value = loss.detach().to(at::kDouble).reshape({}) * weight;
  observed_ = observed_.defined() ? observed_ + value : value;
  observed_weight_ += weight;
}

at::Tensor Optimizer::step(LossClosure closure) {
  refresh();
  at::Tensor loss;
  const bool momo = recipe_.step_size == StepSize::momo;
  TORCH_CHECK_VALUE(!momo || !closure || observed_weight_ == 0, recipe_.name,
                    ": loss: received one by observe() and one by a closure, allowed one source");
  if (closure) {
    at::AutoGradMode enable(true);
    loss = closure();
  }
  const auto params = collect_params();
  // Momo needs the loss; where steps with NaN or Inf are refused, it is looked at as well.
  const bool wanted = momo || recipe_.nonfinite == Nonfinite::skip;
  at::Tensor used;
  if (wanted) used = mean_loss(loss);
  const auto result = engine::step(planned_->plan, params, global_, current_rates(), used,
                                   measure_duals_, planned_->group.get());
  warn_once(params, momo ? used : at::Tensor());
  stats_ = result;
  skipped_ += result.skipped;
  observed_ = at::Tensor();
  observed_weight_ = 0;
  return loss;
}

// Warns of a step without gradients, and of a Momo loss that is NaN or below f_star, each once.
void Optimizer::warn_once(const std::vector<Param>& params, const at::Tensor& loss) {
  ++calls_;
  if (!warned_idle_ && !engine::has_gradients(params)) {
    warned_idle_ = true;
    TORCH_WARN(recipe_.name,
               ": step(): no parameter has a gradient, so nothing was done; call "
               "backward() on a loss of this optimizer's parameters before it");
  }
  // Reading a loss on a device waits for it: seldom.
  const bool look = loss.defined() && (loss.is_cpu() || (calls_ & (calls_ - 1)) == 0);
  if (warned_loss_ || !look) return;
  const double value = loss.item<double>();
  if (std::isnan(value) && recipe_.nonfinite == Nonfinite::propagate) {
    warned_loss_ = true;
    TORCH_WARN(recipe_.name,
               ": loss: received nan, which makes every parameter NaN; nonfinite = "
               "skip leaves such steps out");
  } else if (value < recipe_.f_star) {
    warned_loss_ = true;
    TORCH_WARN(recipe_.name, ": loss: received ", print_number(value), ", below f_star ",
               print_number(recipe_.f_star),
               ": Momo takes no step while its model is below this "
               "lower bound; set f_star to a lower bound of the loss");
  }
}

}  // namespace steepest
