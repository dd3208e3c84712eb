// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <unordered_set>

#include "steepest/engine/check.h"
#include "steepest/engine/step.h"

namespace steepest {
namespace {

double ratio_of(const Recipe& recipe) {
  return recipe.matrix.lr > 0 ? recipe.backup.lr / recipe.matrix.lr : 1;
}

Role role_of(const Group& group, const at::Tensor& param) {
  return group.role.value_or(param.dim() == 2 ? Role::matrix : Role::backup);
}

// A matrix rate of 0 has no ratio to the backup's: then the backup's groups start at their own
// rate.
std::unique_ptr<GroupOptions> options_of(const Recipe& recipe, const Group& group) {
  auto options = std::make_unique<GroupOptions>(recipe.matrix.lr);
  const bool backup = group.role == Role::backup;
  if (backup && recipe.matrix.lr == 0) {
    options->lr = recipe.backup.lr;
  } else if (backup) {
    options->lr_ratio = ratio_of(recipe);
  }
  if (group.options.lr) options->lr = *group.options.lr, options->lr_ratio = 1;
  if (!group.role) options->backup_ratio = ratio_of(recipe);
  options->weight_decay =
      group.options.weight_decay.value_or((backup ? recipe.backup : recipe.matrix).weight_decay);
  options->backup_weight_decay = group.options.weight_decay.value_or(recipe.backup.weight_decay);
  options->group = group;
  for (auto& [name, param] : options->group.params)
    param = at::Tensor();  // the param group holds them
  return options;
}

GroupOptions& options_in(torch::optim::OptimizerParamGroup& group) {
  auto* options = dynamic_cast<GroupOptions*>(&group.options());
  TORCH_CHECK_VALUE(
      options != nullptr,
      "steepest::Optimizer: param group: received options of another optimizer's class, "
      "allowed steepest::GroupOptions");
  return *options;
}

Groups bare(const std::vector<at::Tensor>& params) {
  Group group;
  for (const auto& param : params)
    group.params.emplace_back(std::to_string(group.params.size()), param);
  return {group};
}

// The names under which a param group's tensors are planned: torch's own groups have none.
NamedParams named(torch::optim::OptimizerParamGroup& group, size_t number) {
  const auto& own = options_in(group).group.params;
  NamedParams params;
  for (size_t i = 0; i < group.params().size(); ++i) {
    params.emplace_back(
        i < own.size() ? own[i].first : std::to_string(number) + "." + std::to_string(i),
        group.params()[i]);
  }
  return params;
}

// One plan group for each role in each param group: a group without a role may hold both.
struct Layout {
  explicit Layout(const Recipe& recipe) : recipe(recipe) {}

  void add(const Group& group, const NamedParams& tensors, size_t owner) {
    int64_t of_role[2] = {-1, -1};
    for (const auto& [name, tensor] : tensors) {
      const auto role = role_of(group, tensor);
      auto& slot = of_role[static_cast<int>(role)];
      if (slot < 0) {
        slot = static_cast<int64_t>(groups.size());
        groups.push_back({role, override_choices(recipe.choices(role), group.options)});
        owners.push_back(owner);
      }
      params.push_back({name, tensor.sizes().vec(), slot, group.view});
    }
  }

  const Recipe& recipe;
  std::vector<PlannedParam> params;
  std::vector<PlannedGroup> groups;
  std::vector<size_t> owners;  // of each plan group: the param group
};

// Throws where the group does not fit the recipe.
Plan planned_alone(const Recipe& recipe, const Group& group) {
  Layout layout(recipe);
  layout.add(group, group.params, 0);
  if (layout.groups.empty()) {  // its options are looked at all the same
    const auto role = group.role.value_or(Role::matrix);
    layout.groups.push_back({role, override_choices(recipe.choices(role), group.options)});
  }
  return make_plan(recipe, std::move(layout.params), std::move(layout.groups));
}

}  // namespace

Optimizer::Optimizer(const Groups& groups, Recipe recipe)
    : torch::optim::Optimizer(std::vector<torch::optim::OptimizerParamGroup>{},
                              std::make_unique<GroupOptions>(recipe.matrix.lr)),
      recipe_(std::move(recipe)) {
  defaults_ = options_of(recipe_, Group{});
  for (const auto& group : groups) add_param_group(group);
  refresh();
}

Optimizer::Optimizer(const std::vector<at::Tensor>& params, Recipe recipe)
    : Optimizer(bare(params), std::move(recipe)) {}

// The group is checked alone; the plan of all of them is made when it is needed next.
void Optimizer::add_param_group(const Group& group) {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, param] : group.params) tensors.push_back(param);
  if (registered_ != param_groups_.size()) register_params();  // torch's base class has added some
  try {
    registry_.add(group.params);
    (void)planned_alone(recipe_, group);
  } catch (...) {
    register_params();
    throw;
  }
  torch::optim::Optimizer::add_param_group(torch::optim::OptimizerParamGroup(tensors));
  // torch gave it a copy of the defaults; see packaging of third-party options in the header.
  param_groups_.back().set_options(options_of(recipe_, group));
  registered_ = param_groups_.size();
}

void Optimizer::register_params() {
  ParamRegistry registry;
  for (size_t g = 0; g < param_groups_.size(); ++g) registry.add(named(param_groups_[g], g));
  registry_ = std::move(registry);
  registered_ = param_groups_.size();
}

bool Optimizer::is_planned() const {
  if (!has_plan_ || planned_.size() != param_groups_.size()) return false;
  size_t index = 0;
  for (size_t g = 0; g < planned_.size(); ++g) {
    const auto& now = param_groups_[g].params();
    if (planned_[g].size() != now.size()) return false;
    for (size_t i = 0; i < now.size(); ++i, ++index) {
      if (!now[i].is_same(planned_[g][i])) return false;
      if (now[i].sizes() != plan_.params[index].shape) return false;
    }
  }
  return true;
}

void Optimizer::refresh() {
  if (is_planned()) return;
  register_params();
  Layout layout(recipe_);
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    layout.add(options_in(param_groups_[g]).group, named(param_groups_[g], g), g);
  }
  plan_ = make_plan(recipe_, std::move(layout.params), std::move(layout.groups));
  owners_ = std::move(layout.owners);
  has_plan_ = true;
  planned_.clear();
  for (const auto& group : param_groups_) planned_.push_back(group.params());
  drop_orphans();
}

// torch keys state by the tensor's address, which another tensor may have after this one.
void Optimizer::drop_orphans() {
  std::unordered_set<const void*> own;
  for (const auto& group : planned_) {
    for (const auto& param : group) own.insert(param.unsafeGetTensorImpl());
  }
  std::vector<void*> orphans;
  for (const auto& [param, state] : state_) {
    if (own.count(param) == 0) orphans.push_back(param);
  }
  for (auto* param : orphans) state_.erase(param);
}

const Plan& Optimizer::plan() {
  refresh();
  return plan_;
}

ParamState& Optimizer::state_of(const at::Tensor& param) {
  auto& state = state_[param.unsafeGetTensorImpl()];
  if (!state) state = std::make_unique<BlockState>();
  return static_cast<BlockState&>(*state).value;
}

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

std::vector<Rates> Optimizer::current_rates() const {
  std::vector<Rates> rates;
  for (size_t g = 0; g < plan_.groups.size(); ++g) {
    const auto& o = static_cast<const GroupOptions&>(param_groups_[owners_[g]].options());
    const bool mixed = !o.group.role && plan_.groups[g].role == Role::backup;
    rates.push_back({o.lr * (mixed ? o.backup_ratio : o.lr_ratio),
                     mixed ? o.backup_weight_decay : o.weight_decay});
  }
  return rates;
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

at::Tensor Optimizer::take_loss(const at::Tensor& closure_loss) {
  const bool observed = observed_weight_ > 0;
  return observed ? observed_ / observed_weight_ : closure_loss;
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
  const auto used = wanted ? take_loss(loss) : at::Tensor();
  const auto result = steepest::step(plan_, params, global_, current_rates(), used);
  warn_once(params, momo ? used : at::Tensor());
  stats_ = result;
  skipped_ += result.skipped;
  observed_ = at::Tensor();
  observed_weight_ = 0;
  return loss;
}

void Optimizer::warn_once(const std::vector<Param>& params, const at::Tensor& loss) {
  ++calls_;
  if (!warned_idle_ && !has_gradients(params)) {
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
