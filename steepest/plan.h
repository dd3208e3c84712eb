// SPDX-License-Identifier: Apache-2.0
// A plan is a recipe laid over a model's shapes: blocks, norms, the outer tree and the order of
// every reduction. A pure function of its input: the same in C++, Python and the trainer.
#pragma once

#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/outer.h"
#include "steepest/recipe.h"

namespace STEEPEST_API steepest {

struct PlannedParam {
  std::string name;
  std::vector<int64_t> shape;
  int64_t group = 0;  // index into the plan's groups
  View view;
};

struct PlannedGroup {
  Role role = Role::matrix;
  Choices choices;  // lr and weight_decay are read at every step instead
};

// What the step must know of the duals before it may move a block.
enum class Needs { direction, sharp, duals };

struct ParamState;  // engine/state.h

enum class EntryKind { momentum, slot, intercept, dual, basis };

// A state tensor of a parameter.
struct StateEntry {
  std::string key;  // momentum_buffer or exp_avg; the norm's slots; intercept; dual; right_basis
  EntryKind kind = EntryKind::momentum;
  size_t slot = 0;
  std::vector<int64_t> shape;

  // Of the parameter's shape (and strides), while the others are Momo's and the stale duals'.
  bool like_param() const { return kind == EntryKind::momentum || kind == EntryKind::slot; }
  at::Tensor& of(ParamState& state) const;
};

// What a plan knows of one parameter, computed once.
struct ParamLayout {
  std::vector<size_t> blocks;     // indices into the plan's blocks, in their order
  int64_t matrices = 0;           // of all its blocks: so many duals
  std::vector<StateEntry> state;  // in the order in which files and Python list them
};

struct Plan {
  Recipe recipe;
  std::vector<PlannedParam> params;
  std::vector<PlannedGroup> groups;
  std::vector<NormPtr> norms;        // one a group
  std::vector<Block> blocks;         // matrices first, then backups
  std::vector<ParamLayout> layouts;  // one a parameter
  OuterNode tree;
  int64_t leaves = 0;
  Needs needs = Needs::direction;

  const Choices& choices(const Block& block) const { return groups[block.group].choices; }
};

// Throws c10::ValueError where a recipe, a group's choices or a view is wrong, naming the
// parameter.
Plan make_plan(const Recipe& recipe, std::vector<PlannedParam> params,
               std::vector<PlannedGroup> groups);

// A table: name, shape, role, norm, matrices, radius.
std::string print_plan(const Plan& plan);

}  // namespace steepest
