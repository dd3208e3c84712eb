// SPDX-License-Identifier: Apache-2.0
// From torch's param groups to a plan's groups.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "steepest/engine/param_registry.h"
#include "steepest/group_options.h"
#include "steepest/plan.h"

namespace steepest {

// Returns the one role, matrix or backup, of all `tensors` of the group; nothing where both occur,
// or where a group without a role has none.
std::optional<Role> sole_role(const Group& group, const engine::NamedParams& tensors);

// Returns a new param group's options: those that the group sets itself, else the recipe's for the
// group's role (matrices or backup), or for both in a group that has both.
std::unique_ptr<GroupOptions> options_of(const Recipe& recipe, const Group& group);

// Completes the options of the groups from number `first` on, which torch's base class has added
// with a copy of the defaults. In a group without matrices, lr and weight_decay become the recipe's
// for these, where they still have the defaults; in one of both roles, backup_lr_ratio is set.
void complete_added_groups(const Recipe& recipe, size_t first,
                           std::vector<torch::optim::OptimizerParamGroup>& groups);

// Returns the options of a param group, to be read or changed. Throws c10::ValueError where another
// optimizer's class made them.
GroupOptions& options_in(torch::optim::OptimizerParamGroup& group);

// Returns the tensors of param group `number` with the names that the plan uses: the group's own
// or, as torch's groups have none, "<number>.<index>".
engine::NamedParams named(torch::optim::OptimizerParamGroup& group, size_t number);

// One plan group for each role in each param group: a group without a role may hold both.
struct GroupLayout {
  // Begins without groups; keeps a reference to the recipe, whose choices hold where a group has
  // none.
  explicit GroupLayout(const Recipe& recipe) : recipe(recipe) {}
  // Appends the tensors of param group number `owner` to `params`, and to `groups` a plan group for
  // each role among them, with the group's options over the recipe's choices; `owners` gets `owner`
  // for each of these.
  void add(const Group& group, const engine::NamedParams& tensors, size_t owner);

  const Recipe& recipe;
  std::vector<PlannedParam> params;
  std::vector<PlannedGroup> groups;
  std::vector<size_t> owners;  // of each plan group: the param group
};

// Throws c10::ValueError where the group's options, role or view do not fit the recipe, by making a
// plan of the group alone.
void check_group(const Recipe& recipe, const Group& group);

}  // namespace steepest
