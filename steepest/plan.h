// SPDX-License-Identifier: Apache-2.0
// A plan is a recipe laid over a model's shapes: blocks, norms, the outer tree and the order of
// every reduction. A pure function of its input: the same in C++, Python and the trainer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/block.h"
#include "steepest/outer.h"
#include "steepest/recipe.h"

namespace steepest {

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

// What the step must know of the duals before it may move a block: nothing; the block's own, as a
// factor of its sharp direction; or those of all blocks.
enum class Needs { direction, sharp, duals };

class Transform;  // transforms/transform.h
class Geometry;   // geometry.h

// What a group's choices name, made once.
struct GroupRules {
  NormPtr norm;
  NormTraits traits;                                         // the norm's
  std::vector<std::shared_ptr<const Transform>> transforms;  // of its directions, one after another
  std::shared_ptr<const Geometry> geometry;  // null: the weights live in Euclidean space
};

struct ParamState;  // engine/state.h

enum class EntryKind { momentum, slot, intercept, dual };

// A state tensor of a parameter.
struct StateEntry {
  std::string key;  // momentum_buffer or exp_avg; a slot's name; intercept; dual
  EntryKind kind = EntryKind::momentum;
  size_t index = 0;            // of a slot: in ParamState::slots
  std::vector<int64_t> shape;  // of the tensor
  Slot slot = {};              // what it is for one matrix

  // Whether it has the parameter's shape (and strides): the momentum, and slots of entries.
  bool like_param() const;
  // Returns the tensor of the state that this entry describes, undefined where it is not made yet.
  at::Tensor& of(ParamState& state) const;
};

// What a plan knows of one parameter, computed once.
struct ParamLayout {
  std::vector<size_t> blocks;     // indices into the plan's blocks, in their order
  int64_t matrices = 0;           // of all its blocks: so many duals
  std::vector<StateEntry> state;  // in the order in which files and Python list them
};

// A slot of one block, and where its parameter's state holds it.
struct BlockSlot {
  Slot slot;
  size_t index = 0;    // in ParamState::slots
  int64_t offset = 0;  // of a flat one: the block's first element

  // Returns what the slot keeps for each of the block's matrices, [B, ..sizes], as a view where
  // strides allow; `state` is the parameter's tensor of the slot.
  at::Tensor of(const at::Tensor& state, const Block& block) const;
};

// What a plan knows of one block, computed once.
struct BlockLayout {
  std::vector<BlockSlot> norm;                     // the norm's slots
  std::vector<std::vector<BlockSlot>> transforms;  // those of each of the group's transforms
  std::vector<BlockSlot> decay;                    // of an anchored decay
  std::vector<BlockSlot> geometry;                 // of the geometry
  std::vector<BlockSlot> origin;                   // and the first weights, of lr_auto
  int64_t first_dual = 0;                          // among its parameter's duals
};

struct Sharing;  // distributed/sharing.h

struct Plan {
  Recipe recipe;
  std::vector<PlannedParam> params;
  std::vector<PlannedGroup> groups;
  std::vector<GroupRules> rules;           // one a group
  std::vector<Block> blocks;               // matrices first, then backups
  std::vector<BlockLayout> block_layouts;  // one a block
  std::vector<ParamLayout> layouts;        // one a parameter
  OuterNode tree;                          // of the outer norm
  int64_t leaves = 0;                      // of the tree: the matrices of all blocks
  Needs needs = Needs::direction;
  std::shared_ptr<const Sharing> sharing = {};  // null: one process has all of every parameter

  // Returns the choices (norm, momentum form, kind of decay, ..) of the block's group.
  const Choices& choices(const Block& block) const { return groups[block.group].choices; }
  // Returns what the choices of the block's group name, made once: norm, transforms, geometry.
  const GroupRules& rules_of(const Block& block) const { return rules[block.group]; }
  // Returns where the slots of the block, which must be a reference into `blocks`, lie in the
  // state.
  const BlockLayout& layout_of(const Block& block) const {
    return block_layouts[&block - blocks.data()];
  }
};

// Returns the plan of a step: the blocks, the outer norm's tree and the layout of the state that
// follow from the recipe for these parameters. Each is in one of the groups, whose choices replace
// the recipe's. Throws c10::ValueError where the recipe, a group's choices or a view, with its
// parameter's name, is wrong.
Plan make_plan(const Recipe& recipe, std::vector<PlannedParam> params,
               std::vector<PlannedGroup> groups);

// Returns a table for a person to read, with one line for each block: its parameter's name, role,
// norm, matrices (B x r x c) and radius.
std::string print_plan(const Plan& plan);

}  // namespace steepest
