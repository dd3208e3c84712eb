// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/alike.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "steepest/engine/auto_rate.h"
#include "steepest/engine/groups_alike.h"
#include "steepest/kernels/kernels.h"

namespace steepest::engine {
namespace {

// What a list's working memory is to be below, roughly: so a large model is several lists.
constexpr int64_t kMostBytes = int64_t{1} << 29;

const ListedEntries* entries_of(const StepInput& in, const Block& block) {
  return dynamic_cast<const ListedEntries*>(in.plan.rules_of(block).norm.get());
}

const ListedBatches* batches_of(const StepInput& in, const Block& block) {
  return dynamic_cast<const ListedBatches*>(in.plan.rules_of(block).norm.get());
}

// Whether no block waits for a dual, and nothing is recorded of any.
bool takes_plain_steps(const StepInput& in) {
  const auto& recipe = in.plan.recipe;
  return in.plan.needs != Needs::duals && !in.measure_duals && !has_auto_numbers(recipe) &&
         recipe.step_size == StepSize::fixed && recipe.duals == DualAge::fresh;
}

// Whether the block's choices leave nothing to do for single matrices.
bool has_plain_choices(const StepInput& in, const Block& block) {
  const auto& c = in.choices(block);
  const auto& rules = in.plan.rules_of(block);
  const bool plain = c.decay != Decay::cautious && in.plan.layout_of(block).decay.empty();
  return plain && c.batched && !c.error_feedback && c.place == MomentumPlace::before &&
         rules.transforms.empty() && !rules.geometry;
}

// Whether the pieces of all the block's tensors have one dtype and lie alike, without gaps.
bool lies_alike(const StepInput& in, const Block& block) {
  const auto w = block.piece(in.param(block).value);
  TensorList others = {block.piece(in.param(block).grad)};
  if (const auto m = momentum_of(in, block); m.defined()) others.push_back(m);
  for (const auto& slot : in.plan.layout_of(block).norm)
    if (slot.slot.like_param()) others.push_back(slot_of(in, block, slot));
  return w.is_non_overlapping_and_dense() &&
         std::all_of(others.begin(), others.end(), [&](const at::Tensor& t) {
           return t.scalar_type() == w.scalar_type() && t.strides() == w.strides();
         });
}

// Whether the norm takes the block in a list, for what the step asks of it.
bool takes_lists(const StepInput& in, const Block& block) {
  if (const auto* const entries = entries_of(in, block))
    return entries->serves(is_sharp(in), in.choices(block).eps);
  return batches_of(in, block) && !is_sharp(in) && block.has_contiguous_matrices() &&
         block.piece(in.param(block).value).is_contiguous();
}

// Whether the block's step needs no number of the host but its rates, which the device may hold.
bool is_captured(const StepInput& in, const Block& block) {
  const auto& c = in.choices(block);
  const auto* const batches = batches_of(in, block);
  return (!c.decoupled || c.decay == Decay::plain) &&
         (batches == nullptr || batches->is_captured(block.matrices(in.param(block).value)));
}

// Whether a list serves the block. captured: without a number of the host but what does not change.
bool serves(const StepInput& in, const Block& block, bool captured) {
  const auto& w = in.param(block).value;
  const auto dtype = w.scalar_type();
  if (is_in_memory(w) || w.is_cpu() || (dtype != at::kFloat && dtype != at::kDouble)) return false;
  return has_plain_choices(in, block) && takes_lists(in, block) && lies_alike(in, block) &&
         is_scalar_of(coefficient_of(in, block, true), dtype) &&
         (!captured || is_captured(in, block));
}

}  // namespace

// Returns the block's piece of its momentum, undefined without one, or of a slot of its norm.
at::Tensor momentum_of(const StepInput& in, const Block& block) {
  const auto& m = in.param(block).state->momentum_buffer;
  return m.defined() ? block.piece(m) : m;
}
at::Tensor slot_of(const StepInput& in, const Block& block, const BlockSlot& slot) {
  return block.piece(in.param(block).state->slots[slot.index]);
}

// Returns what the block's direction is multiplied by without its radius, where that is the
// batch's.
double coefficient_of(const StepInput& in, const Block& block, bool with_radius) {
  const double lr = in.numbers_of(block).lr;
  const double radius = with_radius ? block.radius : 1;
  const int degree = in.plan.rules_of(block).traits.degree;
  if (!is_sharp(in)) return lr * radius * std::pow(in.correction(block), -degree);
  return lr * radius * radius * std::pow(in.correction(block), -2 * degree - 1);
}

std::vector<Alike> take_alike(const StepInput& in, std::vector<const Block*>& blocks,
                              const std::vector<int64_t>& rows) {
  std::vector<Alike> lists;
  if (!takes_plain_steps(in)) return lists;
  using Key = std::tuple<int64_t, int64_t, int, int, double>;
  std::map<Key, size_t> open;
  const auto groups = groups_alike(in, Roles::any, rows);
  std::erase_if(blocks, [&](const Block* block) {
    if (!serves(in, *block, !rows.empty())) return false;
    const auto& param = in.param(*block);
    const auto& w = param.value;
    const auto* const batches = batches_of(in, *block);
    const int64_t bytes = block->batch * block->rows * block->cols * w.element_size();
    const Key key{groups[block->group], param.state->step, w.device().index(),
                  static_cast<int>(w.scalar_type()), batches ? 1 : block->radius};
    const auto [found, fresh] = open.try_emplace(key, lists.size());
    if (!fresh && lists[found->second].bytes + bytes > kMostBytes) found->second = lists.size();
    if (found->second == lists.size()) lists.push_back({{}, entries_of(in, *block), batches});
    auto& list = lists[found->second];
    list.blocks.push_back(block), list.bytes += bytes;
    return true;
  });
  return lists;
}

}  // namespace steepest::engine
