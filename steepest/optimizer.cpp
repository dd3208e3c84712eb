// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <set>

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

void check_tensor(const std::string& name, const at::Tensor& param) {
  TORCH_CHECK_VALUE(param.defined() && param.is_leaf(), name,
                    ": received an undefined or non-leaf tensor, allowed a leaf");
  TORCH_CHECK_VALUE(at::isFloatingType(param.scalar_type()), name, ": received ",
                    param.scalar_type(), ", allowed a real floating dtype");
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

void Optimizer::add_param_group(const Group& group) {
  std::vector<at::Tensor> tensors;
  std::set<const void*> known;
  for (const auto& other : param_groups_) {
    for (const auto& p : other.params()) known.insert(p.unsafeGetTensorImpl());
  }
  for (const auto& [name, param] : group.params) {
    check_tensor(name, param);
    TORCH_CHECK_VALUE(known.insert(param.unsafeGetTensorImpl()).second, name,
                      ": received a parameter twice, allowed once in all groups");
    tensors.push_back(param);
  }
  torch::optim::Optimizer::add_param_group(torch::optim::OptimizerParamGroup(tensors));
  // torch gave it a copy of the defaults; see packaging of third-party options in the header.
  param_groups_.back().set_options(options_of(recipe_, group));
  try {
    refresh();
  } catch (...) {
    param_groups_.pop_back();
    planned_ = 0;
    throw;
  }
}

// One plan group for each role in each param group: a group without a role may hold both.
void Optimizer::refresh() {
  size_t tensors = 0;
  for (const auto& group : param_groups_) tensors += group.params().size();
  if (tensors == planned_ && planned_ > 0) return;
  std::vector<PlannedParam> params;
  std::vector<PlannedGroup> groups;
  std::vector<size_t> owners;
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    auto& options = options_in(param_groups_[g]);
    int64_t of_role[2] = {-1, -1};
    const auto& tensors_of_group = param_groups_[g].params();
    for (size_t i = 0; i < tensors_of_group.size(); ++i) {
      const auto role = role_of(options.group, tensors_of_group[i]);
      auto& slot = of_role[static_cast<int>(role)];
      if (slot < 0) {
        slot = static_cast<int64_t>(groups.size());
        groups.push_back({role, override_choices(recipe_.choices(role), options.group.options)});
        owners.push_back(g);
      }
      const bool named = i < options.group.params.size();
      const auto name =
          named ? options.group.params[i].first : std::to_string(g) + "." + std::to_string(i);
      params.push_back({name, tensors_of_group[i].sizes().vec(), slot, options.group.view});
    }
  }
  plan_ = make_plan(recipe_, std::move(params), std::move(groups));
  owners_ = std::move(owners);
  planned_ = tensors;
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
  // Momo needs the loss; where steps with NaN or Inf are refused, it is looked at as well.
  const bool wanted = momo || recipe_.nonfinite == Nonfinite::skip;
  const auto result = steepest::step(plan_, collect_params(), global_, current_rates(),
                                     wanted ? take_loss(loss) : at::Tensor());
  stats_ = result;
  skipped_ += result.skipped;
  observed_ = at::Tensor();
  observed_weight_ = 0;
  return loss;
}

}  // namespace steepest
