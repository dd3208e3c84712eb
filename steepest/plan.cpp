// SPDX-License-Identifier: Apache-2.0
#include "steepest/plan.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <utility>

#include "steepest/base/text.h"
#include "steepest/geometry.h"
#include "steepest/options/validate.h"
#include "steepest/radius.h"
#include "steepest/recipe_rules.h"
#include "steepest/transforms/transform.h"

namespace steepest {
namespace {

// Appends to plan.blocks the blocks (the matrices that the step sees) of all parameters of this
// role, each with the numbers of its parameter and group and its radius.
void add_blocks(Plan& plan, Role role) {
  for (size_t i = 0; i < plan.params.size(); ++i) {
    const auto& param = plan.params[i];
    const auto& group = plan.groups[param.group];
    if (group.role != role) continue;
    for (auto& block : make_blocks(param.name, param.shape, role, param.view)) {
      block.param = static_cast<int64_t>(i);
      block.group = param.group;
      block.radius = radius_of(group.choices.radius, block, group.choices.norm);
      plan.blocks.push_back(block);
    }
  }
}

// Numbers the leaves of the outer norm's tree, one for each matrix, in the order of the blocks:
// sets each block's `leaf`, its first one, and plan.leaves, their number. Where backup blocks (of
// what is no matrix) count as one vector, it first sorts these by norm, so that those of one norm
// have neighbouring leaves. Throws c10::ValueError at too many matrices.
void number_leaves(Plan& plan) {
  if (plan.recipe.backup_blocks == BackupBlocks::flattened) {
    std::stable_sort(plan.blocks.begin(), plan.blocks.end(), [&](const Block& a, const Block& b) {
      if (a.role == Role::matrix || b.role == Role::matrix) return a.role < b.role;
      return plan.rules_of(a).norm->name() < plan.rules_of(b).norm->name();
    });
  }
  constexpr int64_t kMostMatrices = int64_t{1} << 24;
  for (auto& block : plan.blocks) {
    block.leaf = plan.leaves;
    TORCH_CHECK_VALUE(block.batch <= kMostMatrices - plan.leaves, plan.params[block.param].name,
                      ": received ", block.batch, " matrices after ", plan.leaves, ", allowed ",
                      kMostMatrices, " of a network");
    plan.leaves += block.batch;
  }
}

// Returns nodes of the outer norm's tree in which backup blocks of one norm, which are neighbours,
// count as one vector: a node for each such norm. `first` is the number of the first backup leaf;
// the blocks before it are left out.
std::vector<OuterNode> flattened_nodes(const Plan& plan, int64_t first) {
  std::vector<OuterNode> nodes;
  std::string name;
  for (const auto& block : plan.blocks) {
    if (block.leaf < first) continue;
    const auto& norm = *plan.rules_of(block).norm;
    if (nodes.empty() || norm.name() != name) {
      nodes.push_back({plan.rules_of(block).traits.aggregation, block.leaf, block.leaf, {}});
      name = norm.name();
    }
    nodes.back().end = block.leaf + block.batch;
  }
  return nodes;
}

// Builds the tree of the outer norm, whose leaves are the matrices of all blocks: one max or l2 of
// all, or the hybrid, l2 of the max of all matrices and of each backup block.
OuterNode make_tree(const Plan& plan) {
  int64_t matrices = 0;
  for (const auto& block : plan.blocks) matrices += block.role == Role::matrix ? block.batch : 0;
  const bool flattened = plan.recipe.backup_blocks == BackupBlocks::flattened;

  OuterNode root{
      plan.recipe.outer == Outer::max ? Aggregation::max : Aggregation::l2, 0, plan.leaves, {}};
  if (flattened) root.end = matrices, root.children = flattened_nodes(plan, matrices);
  if (plan.recipe.outer == Outer::hybrid) {  // l2[max(matrices), every backup block]
    root.begin = flattened ? root.end : matrices;
    root.children.insert(root.children.begin(), OuterNode{Aggregation::max, 0, matrices, {}});
  }
  return root;
}

// Whether the node of the outer norm's tree and all nodes below it are of this kind, max or l2.
bool all_nodes(const OuterNode& node, Aggregation kind) {
  return node.kind == kind &&
         std::all_of(node.children.begin(), node.children.end(),
                     [&](const auto& child) { return all_nodes(child, kind); });
}

// Returns what the step must know of the dual norms before it moves a block. Where every node of
// the outer norm is a max, a block's share c / D is 1, and a constrained step needs none. Where
// every node is an l2, c is the block's own d = R dual, and a regularized step needs that alone:
// its sharp direction, dual times s, has it; unless duals are those of the last step.
Needs needs_of(const Plan& plan) {
  const auto& r = plan.recipe;
  if (r.step_size == StepSize::momo) return Needs::duals;
  if (r.update == UpdateForm::constrained && all_nodes(plan.tree, Aggregation::max))
    return Needs::direction;
  const bool own = r.update == UpdateForm::regularized && r.duals == DualAge::fresh;
  if (own && all_nodes(plan.tree, Aggregation::l2)) return Needs::sharp;
  return Needs::duals;
}

// Appends the slots that a norm, a transform or a decay keeps for the block to the state in
// plan.layouts of its parameter, and returns where they lie. Blocks of one parameter share a tensor
// for each slot: one of the parameter's shape, or a flat one, in which each block's part follows
// that of the block before.
std::vector<BlockSlot> add_slots(Plan& plan, const Block& block, const std::vector<Slot>& slots) {
  auto& layout = plan.layouts[block.param];
  std::vector<BlockSlot> own;
  for (const auto& slot : slots) {
    const auto found = std::find_if(
        layout.state.begin(), layout.state.end(),
        [&](const StateEntry& e) { return e.kind == EntryKind::slot && e.key == slot.name; });
    size_t index = 0;
    for (const auto& entry : layout.state) index += entry.kind == EntryKind::slot;
    const auto& shape = plan.params[block.param].shape;
    auto& entry = found != layout.state.end()
                      ? *found
                      : layout.state.emplace_back(
                            StateEntry{slot.name, EntryKind::slot, index,
                                       slot.like_param() ? shape : std::vector<int64_t>{0}, slot});
    int64_t offset = 0;
    if (!slot.like_param()) {
      int64_t elements = block.batch;
      for (const int64_t size : slot.sizes(block.rows, block.cols)) elements *= size;
      offset = std::exchange(entry.shape[0], entry.shape[0] + elements);
    }
    own.push_back({slot, entry.index, offset});
  }
  return own;
}

// Lists the slots of norm, transforms, decay and geometry of one block, the plan's number `index`,
// in its parameter's layout, and where in the state they lie.
void lay_out_block(Plan& plan, size_t index) {
  const auto& block = plan.blocks[index];
  const auto& rules = plan.rules_of(block);
  auto& layout = plan.layouts[block.param];
  auto& own = plan.block_layouts.emplace_back();
  layout.blocks.push_back(index);
  own.first_dual = layout.matrices;
  layout.matrices += block.batch;
  own.norm = add_slots(plan, block, rules.norm->slots(block.rows, block.cols));
  for (const auto& transform : rules.transforms)
    own.transforms.push_back(add_slots(plan, block, transform->slots(block.rows, block.cols)));
  const Slot anchor{"anchor", Slot::Shape::entries, 0, Slot::Start::weight};
  if (is_anchored(plan.choices(block).decay)) own.decay = add_slots(plan, block, {anchor});
  if (plan.recipe.lr_auto) own.origin = add_slots(plan, block, {anchor});
  if (rules.geometry)
    own.geometry = add_slots(plan, block, rules.geometry->slots(block.rows, block.cols));
}

// Fills plan.layouts and plan.block_layouts: lists the state of each parameter, in the order
// momentum, slots, Momo's intercept, stale duals, and where in it each block's slots lie. As in
// torch, an adaptive norm's momentum is named exp_avg, every other momentum_buffer.
void lay_out(Plan& plan) {
  const bool momo = plan.recipe.step_size == StepSize::momo;
  plan.layouts.resize(plan.params.size());
  for (size_t i = 0; i < plan.params.size(); ++i) {
    const auto& planned = plan.params[i];
    if (!momo && plan.groups[planned.group].choices.momentum == 0) continue;
    const bool adaptive = plan.rules[planned.group].traits.adaptive;
    plan.layouts[i].state.push_back(
        {adaptive ? "exp_avg" : "momentum_buffer", EntryKind::momentum, 0, planned.shape});
  }
  for (size_t i = 0; i < plan.blocks.size(); ++i) lay_out_block(plan, i);
  for (size_t i = 0; i < plan.params.size(); ++i) {
    auto& layout = plan.layouts[i];
    if (momo) layout.state.push_back({"intercept", EntryKind::intercept});
    const bool matrix = plan.groups[plan.params[i].group].role == Role::matrix;
    if (plan.recipe.duals == DualAge::stale && matrix)
      layout.state.push_back({"dual", EntryKind::dual, 0, {layout.matrices}});
  }
}

// Throws c10::ValueError where a parameter's group number is out of range or its shape too large:
// more entries would overflow int64 wherever they are multiplied, by an element's size for one.
void validate_params(const Plan& plan) {
  constexpr int64_t kMostEntries = int64_t{1} << 58;
  for (const auto& param : plan.params) {
    const auto groups = static_cast<int64_t>(plan.groups.size());
    TORCH_CHECK_VALUE(param.group >= 0 && param.group < groups, shown(param.name),
                      ": group: received ", param.group, ", allowed 0 to ", groups - 1);
    int64_t entries = 1;
    bool fits = param.shape.size() <= 64;
    for (const auto size : param.shape) {
      fits = fits && size >= 0 &&
             !__builtin_mul_overflow(entries, std::max<int64_t>(size, 1), &entries);
    }
    fits = fits && entries <= kMostEntries;
    TORCH_CHECK_VALUE(fits, shown(param.name), ": shape: received ",
                      cut(c10::str(at::IntArrayRef(param.shape))),
                      ", allowed at most 64 sizes from 0 up of at most 2^58 entries");
  }
}

// Throws c10::ValueError where the recipe would not be valid with the choices of one of the plan's
// groups in the place of its own for the group's role.
void validate_groups(const Plan& plan) {
  for (const auto& group : plan.groups) {  // the whole-network rules hold group by group
    Recipe one = plan.recipe;
    (group.role == Role::matrix ? one.matrix : one.backup) = group.choices;
    validate(one);
  }
}

}  // namespace

// Returns the block's matrices [B, ..sizes] in `state`, the parameter's tensor of the slot, as a
// view where strides allow.
at::Tensor BlockSlot::of(const at::Tensor& state, const Block& block) const {
  if (slot.like_param()) return block.matrices(state);
  auto sizes = slot.sizes(block.rows, block.cols);
  sizes.insert(sizes.begin(), block.batch);
  return state.narrow(0, offset, c10::multiply_integers(sizes)).view(sizes);
}

Plan make_plan(const Recipe& recipe, std::vector<PlannedParam> params,
               std::vector<PlannedGroup> groups) {
  Plan plan{.recipe = recipe, .params = std::move(params), .groups = std::move(groups)};
  validate(recipe);
  validate_groups(plan);
  validate_params(plan);
  for (auto& group : plan.groups) {
    complete_polar(group.choices, needs_duals(recipe));
    GroupRules rules{.norm = make_norm(group.choices.norm, group.choices.solvers)};
    rules.traits = rules.norm->traits();
    rules.transforms = make_transforms(group.choices);
    rules.geometry = make_geometry(group.choices.geometry);
    plan.rules.push_back(std::move(rules));
  }
  add_blocks(plan, Role::matrix);
  add_blocks(plan, Role::backup);
  number_leaves(plan);
  plan.tree = make_tree(plan);
  plan.needs = needs_of(plan);
  lay_out(plan);
  return plan;
}

}  // namespace steepest
