// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizer_groups.h"

#include <algorithm>

#include "steepest/base/text.h"

namespace steepest {
namespace {

// Returns the recipe's learning rate for what is no matrix, divided by `lr`, that of the matrices:
// a param group that holds both keeps one lr and this ratio, which is 1 where the recipe has one
// rate for all. Throws c10::ValueError where only `lr` is 0, as no ratio gives the other one then.
double backup_lr_ratio(const Recipe& recipe, double lr) {
  if (recipe.backup.lr == recipe.matrix.lr || recipe.backup.lr == lr) return 1;
  TORCH_CHECK_VALUE(lr > 0, recipe.name, ": lr: received 0 with backup_lr ",
                    print_number(recipe.backup.lr),
                    " in a group of matrices and others, allowed above 0, or a role for each group "
                    "(steepest::route)");
  return recipe.backup.lr / lr;
}

// Returns the group's role; where it has none, matrix for a parameter of two dimensions and backup
// for any other.
Role role_of(const Group& group, const at::Tensor& param) {
  return group.role.value_or(param.dim() == 2 ? Role::matrix : Role::backup);
}

}  // namespace

std::optional<Role> sole_role(const Group& group, const engine::NamedParams& tensors) {
  if (group.role || tensors.empty()) return group.role;
  const auto role = role_of(group, tensors.front().second);
  const auto same = [&](const auto& named) { return role_of(group, named.second) == role; };
  return std::ranges::all_of(tensors, same) ? std::optional(role) : std::nullopt;
}

std::unique_ptr<GroupOptions> options_of(const Recipe& recipe, const Group& group) {
  const auto role = sole_role(group, group.params);
  const auto& side = recipe.choices(role.value_or(Role::matrix));
  auto options = std::make_unique<GroupOptions>(group.options.lr.value_or(side.lr));
  if (!role && !group.params.empty())
    options->backup_lr_ratio = backup_lr_ratio(recipe, options->lr);
  options->weight_decay = group.options.weight_decay.value_or(side.weight_decay);
  options->backup_weight_decay = group.options.weight_decay.value_or(recipe.backup.weight_decay);
  options->group = group;
  for (auto& [name, param] : options->group.params)
    param = at::Tensor();  // the param group holds them
  return options;
}

void complete_added_groups(const Recipe& recipe, size_t first,
                           std::vector<torch::optim::OptimizerParamGroup>& groups) {
  for (size_t g = first; g < groups.size(); ++g) {
    auto& options = options_in(groups[g]);
    if (!options.group.params.empty()) continue;
    const bool says_lr = options.lr != recipe.matrix.lr;
    Group group{.params = named(groups[g], g)};
    if (says_lr) group.options.lr = options.lr;
    const auto own = options_of(recipe, group);
    options.lr = own->lr;
    if (options.weight_decay == recipe.matrix.weight_decay)
      options.weight_decay = own->weight_decay;
    options.backup_lr_ratio = own->backup_lr_ratio;
  }
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
