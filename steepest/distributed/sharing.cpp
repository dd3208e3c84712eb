// SPDX-License-Identifier: Apache-2.0
#include "steepest/distributed/sharing.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "steepest/base/text.h"
#include "steepest/distributed/local_blocks.h"
#include "steepest/norm_cost.h"
#include "steepest/transforms/transform.h"

namespace steepest {
namespace {

// Whether each entry of a direction depends on that entry of u and the state alone, so that any
// part of a matrix can be computed where it lies: of sign descent and Adam, as long as no dual norm
// is a factor of the direction.
bool is_of_entries(const Plan& plan, const Block& block) {
  const auto& rules = plan.rules_of(block);
  const auto name = rules.norm->name();
  return rules.transforms.empty() && plan.needs != Needs::sharp &&
         (name == "inf" || name == "ada_inf");
}

// Whether the block's norm or transforms keep tensors that are not of the parameter's shape.
bool has_flat_slots(const Plan& plan, size_t block) {
  const auto& layout = plan.block_layouts[block];
  const auto flat = [](const std::vector<BlockSlot>& slots) {
    return std::any_of(slots.begin(), slots.end(),
                       [](const BlockSlot& own) { return !own.slot.like_param(); });
  };
  return flat(layout.norm) || std::any_of(layout.transforms.begin(), layout.transforms.end(), flat);
}

// Sets who holds what of each parameter. Large models have many of one shape, and large groups many
// boxes of each.
void find_holders(Sharing& sharing, const std::vector<PlannedParam>& params) {
  const auto& layout = sharing.member.layout;
  using Key = std::pair<std::vector<int64_t>, std::vector<std::pair<int64_t, bool>>>;
  std::map<Key, std::shared_ptr<const Holders>> known;
  for (size_t i = 0; i < params.size(); ++i) {
    Key key{params[i].shape, {}};
    for (const auto& placement : layout.placements[i])
      key.second.emplace_back(placement.dim, placement.strided);
    auto& own = known[key];
    if (!own)
      own = std::make_shared<const Holders>(
          Holders{boxes_of(params[i].name, params[i].shape, layout.mesh, layout.placements[i]),
                  first_holders(layout.mesh, layout.placements[i])});
    sharing.holders.push_back(own);
  }
}

// Whether every matrix of the block lies whole with one process alone: experts or heads that are
// sharded as such.
bool lies_in_whole_matrices(const Sharing& sharing, size_t index) {
  const auto& block = sharing.whole.blocks[index];
  int64_t held = 0;
  if (sharing.holders[block.param]->replicated()) return false;
  for (int64_t r = 0; r < sharing.processes(); ++r) {
    for (const auto& part :
         local_blocks(block, sharing.box(block.param, r), sharing.whole.params[block.param])) {
      if (part.rows != block.rows || part.cols != block.cols) return false;
      held += part.batch;
    }
  }
  return held == block.batch;
}

// Estimates what the block's norm costs: products on the short side, and passes over the entries.
Cost cost_of(const Block& block) {
  return {estimated_flops(block, std::min(block.rows, block.cols)),
          static_cast<double>(block.batch * block.rows * block.cols)};
}

// Throws c10::ValueError where the recipe or a layout is one that processes cannot share.
void check_shareable(const Sharing& sharing) {
  const auto& plan = sharing.whole;
  TORCH_CHECK_VALUE(
      plan.recipe.step_size != StepSize::momo || plan.recipe.momo_model != MomoModel::recursive,
      "momo_model: received recursive, allowed inner_products where processes share a model");
  for (const auto& block : plan.blocks) {
    if (!plan.rules_of(block).geometry) continue;
    for (const auto& box : sharing.holders[block.param]->boxes)
      TORCH_CHECK_VALUE(box == whole_box(plan.params[block.param].shape),
                        shown(plan.params[block.param].name),
                        ": geometry: received a sharded parameter, allowed a replicated one");
  }
}

// Sets the owners of all blocks. Where a block lies is looked at once for all that lie alike.
void find_owners(Sharing& sharing) {
  using Key = std::tuple<const Holders*, int64_t, int64_t, int64_t, int64_t>;
  std::map<Key, bool> known;
  std::vector<Cost> costs;
  for (size_t i = 0; i < sharing.whole.blocks.size(); ++i) {
    const auto& block = sharing.whole.blocks[i];
    const auto lies_whole = [&] {
      const Key key{sharing.holders[block.param].get(), block.offset, block.length, block.rows,
                    block.parts};
      auto found = known.find(key);
      if (found == known.end())
        found = known.emplace(key, lies_in_whole_matrices(sharing, i)).first;
      return found->second;
    };
    const bool lies =
        is_of_entries(sharing.whole, block) || (!has_flat_slots(sharing.whole, i) && lies_whole());
    costs.push_back(lies || block.rows * block.cols == 0 ? Cost{} : cost_of(block));
  }
  sharing.owners = balanced_owners(costs, sharing.processes());
}

// Returns the slots as a local block has them: a flat one begins `leaves` matrices later.
std::vector<BlockSlot> moved(std::vector<BlockSlot> slots, const Block& part, int64_t leaves) {
  for (auto& own : slots) {
    int64_t elements = leaves;
    for (const int64_t size : own.slot.sizes(part.rows, part.cols)) elements *= size;
    if (!own.slot.like_param()) own.offset += elements;
  }
  return slots;
}

// Appends to the local plan what this process holds of block number `index` of the whole plan.
void add_local_blocks(Plan& local, Sharing& sharing, size_t index) {
  const auto& block = sharing.whole.blocks[index];
  const auto& box = sharing.box(block.param, sharing.member.rank);
  for (const auto& part : local_blocks(block, box, sharing.whole.params[block.param])) {
    auto layout = sharing.whole.block_layouts[index];
    const int64_t leaves = part.leaf - block.leaf;
    layout.norm = moved(layout.norm, part, leaves);
    for (auto& slots : layout.transforms) slots = moved(slots, part, leaves);
    layout.geometry = moved(layout.geometry, part, leaves);
    layout.first_dual += leaves;
    local.layouts[block.param].blocks.push_back(local.blocks.size());
    local.blocks.push_back(part);
    local.block_layouts.push_back(std::move(layout));
    sharing.whole_of.push_back(index);
  }
}

}  // namespace

Box Sharing::piece(size_t index) const {
  const auto& block = whole.blocks[index];
  auto box = whole_box(whole.params[block.param].shape);
  if (block.length >= 0) box.begin[block.dim] = block.offset, box.size[block.dim] = block.length;
  return box;
}

Box Sharing::held(size_t index, int64_t process) const {
  return intersection(piece(index), box(whole.blocks[index].param, process));
}

int64_t Sharing::source(size_t param, int64_t process, int64_t owner) const {
  if (!holders[param]->replicated()) return process;
  const auto& of_param = holders[param]->firsts;
  const int64_t count = processes();
  for (int64_t k = 0; k < count; ++k)
    if (const int64_t r = (owner + k) % count; of_param[r] == of_param[process]) return r;
  return process;
}

bool Sharing::holds_everything() const {
  for (size_t i = 0; i < holders.size(); ++i)
    if (box(i, member.rank) != whole_box(whole.params[i].shape)) return false;
  return true;
}

bool Sharing::counts(size_t param) const {
  return holders[param]->firsts[member.rank] == member.rank;
}

std::vector<int64_t> balanced_owners(const std::vector<Cost>& costs, int64_t processes) {
  std::vector<size_t> order(costs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return costs[a].flops != costs[b].flops ? costs[a].flops > costs[b].flops
                                            : costs[a].bytes > costs[b].bytes;
  });
  std::vector<int64_t> owners(costs.size(), kWhereItLies);
  std::vector<std::tuple<double, double, int64_t>> heap;  // load, bytes, process: the least on top
  for (int64_t r = 0; r < processes; ++r) heap.emplace_back(0.0, 0.0, r);
  std::make_heap(heap.begin(), heap.end(), std::greater<>{});
  for (const size_t i : order) {
    if (costs[i].flops == 0) continue;
    std::pop_heap(heap.begin(), heap.end(), std::greater<>{});
    auto& [load, bytes, process] = heap.back();
    owners[i] = process, load += costs[i].flops, bytes += costs[i].bytes;
    std::push_heap(heap.begin(), heap.end(), std::greater<>{});
  }
  return owners;
}

std::vector<Load> loads_of(const Sharing& sharing) {
  std::vector<Load> loads(sharing.processes());
  for (size_t i = 0; i < sharing.owners.size(); ++i) {
    const int64_t owner = sharing.owners[i];
    if (owner == kWhereItLies) continue;
    const auto& block = sharing.whole.blocks[i];
    loads[owner].flops += cost_of(block).flops;
    for (int64_t r = 0; r < sharing.processes(); ++r) {
      if (r == owner) continue;
      const int64_t held = sharing.held(i, r).numel();
      if (sharing.source(block.param, r, owner) == r) loads[r].sent += held;
      loads[owner].sent += held;
    }
  }
  return loads;
}

Plan share_plan(Plan whole, Membership member) {
  auto sharing = std::make_shared<Sharing>();
  sharing->member = std::move(member);
  const auto& layout = sharing->member.layout;
  TORCH_CHECK_VALUE(layout.placements.size() == whole.params.size(), "layout: received ",
                    layout.placements.size(), " parameters, allowed the plan's ",
                    whole.params.size());
  TORCH_CHECK_VALUE(sharing->member.rank >= 0 && sharing->member.rank < layout.processes(),
                    "layout: rank: received ", sharing->member.rank, ", allowed 0 to ",
                    layout.processes() - 1);
  find_holders(*sharing, whole.params);
  Plan local = whole;
  sharing->whole = std::move(whole);
  check_shareable(*sharing);
  find_owners(*sharing);
  local.blocks.clear(), local.block_layouts.clear();
  for (size_t i = 0; i < local.params.size(); ++i) {
    local.params[i].shape = sharing->box(i, sharing->member.rank).size;
    local.layouts[i].blocks.clear();
    for (auto& entry : local.layouts[i].state)
      if (entry.like_param()) entry.shape = local.params[i].shape;
  }
  for (size_t b = 0; b < sharing->whole.blocks.size(); ++b) add_local_blocks(local, *sharing, b);
  local.sharing = std::move(sharing);
  return local;
}

Plan share_replicas(Plan whole, int64_t rank, int64_t processes) {
  Layout layout{{processes}, {}};
  layout.placements.assign(whole.params.size(), {Placement{}});
  return share_plan(std::move(whole), {"", rank, std::move(layout)});
}

}  // namespace steepest
