// SPDX-License-Identifier: Apache-2.0
#include "steepest/plan.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "steepest/base/text.h"

namespace steepest {
namespace {

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

// Leaves in the blocks' order, but flattened backups of one norm side by side.
void number_leaves(Plan& plan) {
  if (plan.recipe.backup_blocks == BackupBlocks::flattened) {
    std::stable_sort(plan.blocks.begin(), plan.blocks.end(), [&](const Block& a, const Block& b) {
      if (a.role == Role::matrix || b.role == Role::matrix) return a.role < b.role;
      return plan.norms[a.group]->name() < plan.norms[b.group]->name();
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

std::vector<OuterNode> flattened_nodes(const Plan& plan, int64_t first) {
  std::vector<OuterNode> nodes;
  std::string name;
  for (const auto& block : plan.blocks) {
    if (block.leaf < first) continue;
    const auto& norm = *plan.norms[block.group];
    if (nodes.empty() || norm.name() != name) {
      nodes.push_back({norm.traits().joins, block.leaf, block.leaf, {}});
      name = norm.name();
    }
    nodes.back().end = block.leaf + block.batch;
  }
  return nodes;
}

OuterNode make_tree(const Plan& plan) {
  int64_t matrices = 0;
  for (const auto& block : plan.blocks) matrices += block.role == Role::matrix ? block.batch : 0;
  const bool flattened = plan.recipe.backup_blocks == BackupBlocks::flattened;

  OuterNode root{plan.recipe.outer == Outer::max ? Joins::max : Joins::l2, 0, plan.leaves, {}};
  if (flattened) root.end = matrices, root.children = flattened_nodes(plan, matrices);
  if (plan.recipe.outer == Outer::hybrid) {  // l2[max(matrices), every backup block]
    root.begin = flattened ? root.end : matrices;
    root.children.insert(root.children.begin(), OuterNode{Joins::max, 0, matrices, {}});
  }
  return root;
}

bool all_nodes(const OuterNode& node, Joins kind) {
  return node.kind == kind &&
         std::all_of(node.children.begin(), node.children.end(),
                     [&](const auto& child) { return all_nodes(child, kind); });
}

// max: c / D = 1 in every node. l2: c_l = d_l, so that the step is sharp(m), dual unseen, unless
// d_l is to be that of the last step.
Needs needs_of(const Plan& plan) {
  const auto& r = plan.recipe;
  if (r.step_size == StepSize::momo) return Needs::duals;
  if (r.update == Update::constrained && all_nodes(plan.tree, Joins::max)) return Needs::direction;
  const bool own = r.update == Update::regularized && r.duals == Duals::fresh;
  if (own && all_nodes(plan.tree, Joins::l2)) return Needs::sharp;
  return Needs::duals;
}

// torch names an adaptive norm's momentum exp_avg, every other momentum_buffer.
std::vector<StateEntry> entries_of(const Plan& plan, size_t param, int64_t matrices,
                                   int64_t basis) {
  const auto& planned = plan.params[param];
  const auto& group = plan.groups[planned.group];
  const auto slots = plan.norms[planned.group]->slots();
  const bool momo = plan.recipe.step_size == StepSize::momo;
  std::vector<StateEntry> entries;
  if (momo || group.choices.momentum > 0) {
    const auto* key = slots.empty() ? "momentum_buffer" : "exp_avg";
    entries.push_back({key, EntryKind::momentum, 0, planned.shape});
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    entries.push_back({slots[i], EntryKind::slot, i, planned.shape});
  }
  if (momo) entries.push_back({"intercept", EntryKind::intercept, 0, {}});
  if (plan.recipe.duals == Duals::stale && group.role == Role::matrix) {
    entries.push_back({"dual", EntryKind::dual, 0, {matrices}});
  }
  if (basis > 0) entries.push_back({"right_basis", EntryKind::basis, 0, {basis}});
  return entries;
}

void lay_out(Plan& plan) {
  plan.layouts.resize(plan.params.size());
  std::vector<int64_t> basis(plan.params.size());
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    const auto& block = plan.blocks[i];
    auto& layout = plan.layouts[block.param];
    layout.blocks.push_back(i);
    layout.matrices += block.batch;
    basis[block.param] +=
        block.batch * block.cols * plan.norms[block.group]->warm_columns(block.rows, block.cols);
  }
  for (size_t i = 0; i < plan.params.size(); ++i) {
    plan.layouts[i].state = entries_of(plan, i, plan.layouts[i].matrices, basis[i]);
  }
}

// More entries would overflow int64 wherever they are multiplied, by an element's size for one.
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

void validate_groups(const Plan& plan) {
  for (const auto& group : plan.groups) {  // the whole-network rules hold group by group
    Recipe one = plan.recipe;
    (group.role == Role::matrix ? one.matrix : one.backup) = group.choices;
    validate(one);
  }
}

}  // namespace

Plan make_plan(const Recipe& recipe, std::vector<PlannedParam> params,
               std::vector<PlannedGroup> groups) {
  Plan plan{.recipe = recipe, .params = std::move(params), .groups = std::move(groups)};
  validate(recipe);
  validate_groups(plan);
  validate_params(plan);
  for (auto& group : plan.groups) {
    set_default_steps(group.choices, needs_duals(recipe));
    plan.norms.push_back(make_norm(group.choices.norm, group.choices.solvers));
  }
  add_blocks(plan, Role::matrix);
  add_blocks(plan, Role::backup);
  number_leaves(plan);
  plan.tree = make_tree(plan);
  plan.needs = needs_of(plan);
  lay_out(plan);
  return plan;
}

std::string print_plan(const Plan& plan) {
  std::ostringstream out;
  out << std::left << std::setw(44) << "parameter" << std::setw(12) << "role" << std::setw(16)
      << "norm" << std::setw(20) << "matrices"
      << "radius\n";
  for (const auto& b : plan.blocks) {
    const auto shape =
        std::to_string(b.batch) + " x " + std::to_string(b.rows) + " x " + std::to_string(b.cols);
    out << std::setw(44) << plan.params[b.param].name << std::setw(12) << text_of(b.role)
        << std::setw(16) << plan.norms[b.group]->name() << std::setw(20) << shape
        << print_number(b.radius) << "\n";
  }
  return out.str();
}

}  // namespace steepest
