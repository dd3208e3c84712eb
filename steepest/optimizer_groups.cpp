// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizer_groups.h"

namespace steepest {
namespace {

// Returns the backup's learning rate as a multiple of the matrices'; 1 where that is 0.
double ratio_of(const Recipe& recipe) {
  return recipe.matrix.lr > 0 ? recipe.backup.lr / recipe.matrix.lr : 1;
}

// Returns the group's role, or without one that of the parameter's shape.
Role role_of(const Group& group, const at::Tensor& param) {
  return group.role.value_or(param.dim() == 2 ? Role::matrix : Role::backup);
}

}  // namespace

// A backup group's learning rate is the matrices' times lr_ratio. Where that of the matrices is 0,
// no ratio gives the backup's, which is then set itself.
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

engine::NamedParams named(torch::optim::OptimizerParamGroup& group, size_t number) {
  const auto& own = options_in(group).group.params;
  engine::NamedParams params;
  for (size_t i = 0; i < group.params().size(); ++i) {
    params.emplace_back(
        i < own.size() ? own[i].first : std::to_string(number) + "." + std::to_string(i),
        group.params()[i]);
  }
  return params;
}

void GroupLayout::add(const Group& group, const engine::NamedParams& tensors, size_t owner) {
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

void check_group(const Recipe& recipe, const Group& group) {
  GroupLayout layout(recipe);
  layout.add(group, group.params, 0);
  if (layout.groups.empty()) {  // its options are looked at all the same
    const auto role = group.role.value_or(Role::matrix);
    layout.groups.push_back({role, override_choices(recipe.choices(role), group.options)});
  }
  (void)make_plan(recipe, std::move(layout.params), std::move(layout.groups));
}

}  // namespace steepest
