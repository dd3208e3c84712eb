// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/listed_step.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "steepest/base/tensor.h"
#include "steepest/engine/auto_rate.h"
#include "steepest/engine/momentum_lists.h"

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

bool is_sharp(const StepInput& in) { return in.plan.needs == Needs::sharp; }

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

// Returns the block's piece of its momentum, undefined without one, or of a slot of its norm.
at::Tensor momentum_of(const StepInput& in, const Block& block) {
  const auto& m = in.param(block).state->momentum_buffer;
  return m.defined() ? block.piece(m) : m;
}
at::Tensor slot_of(const StepInput& in, const Block& block, const BlockSlot& slot) {
  return block.piece(in.param(block).state->slots[slot.index]);
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

// Returns what the block's direction is multiplied by without its radius, where that is the
// batch's.
double coefficient_of(const StepInput& in, const Block& block, bool with_radius) {
  const double lr = in.numbers_of(block).lr;
  const double radius = with_radius ? block.radius : 1;
  const int degree = in.plan.rules_of(block).traits.degree;
  if (!is_sharp(in)) return lr * radius * std::pow(in.correction(block), -degree);
  return lr * radius * radius * std::pow(in.correction(block), -2 * degree - 1);
}

// Whether two groups step alike by their choices; those of triplets play no part for these norms.
bool same_choices(const Choices& a, const Choices& b) {
  const auto key = [](const Choices& c) {
    return std::tie(c.norm, c.form, c.dampening, c.nesterov, c.start, c.place, c.beta2, c.eps,
                    c.decoupled, c.decay, c.nesterov_momentum);
  };
  const auto polar = [](const PolarOptions& o) {
    return std::tie(o.method, o.steps, o.dtype, o.coefficients, o.restarts, o.tol, o.low);
  };
  return key(a) == key(b) && polar(a.solvers.polar) == polar(b.solvers.polar);
}

// Returns, for each of the plan's groups, the first one that steps alike, at the same rates.
std::vector<int64_t> first_alike(const StepInput& in) {
  const auto rates = [&](int64_t g) {
    const auto& own = in.numbers[g];
    const bool backup = in.plan.groups[g].role == Role::backup;
    return std::tuple(own.lr, own.weight_decay, own.momentum, in.found_rate[backup]);
  };
  std::vector<int64_t> firsts;
  for (int64_t g = 0; g < std::ssize(in.plan.groups); ++g) {
    int64_t first = 0;
    while (first < g && !(rates(first) == rates(g) &&
                          same_choices(in.plan.groups[first].choices, in.plan.groups[g].choices)))
      ++first;
    firsts.push_back(first);
  }
  return firsts;
}

// The tensors of blocks that are alike, one list a kind.
struct Lists {
  Lists(const StepInput& in, const Alike& alike)
      : slots(in.plan.layout_of(alike.first()).norm.size()) {
    for (const auto* block : alike.blocks) {
      weights.push_back(block->piece(in.param(*block).value));
      gradients.push_back(block->piece(in.param(*block).grad));
      if (const auto m = momentum_of(in, *block); m.defined()) momenta.push_back(m);
      const auto& own = in.plan.layout_of(*block).norm;
      for (size_t i = 0; i < own.size(); ++i) slots[i].push_back(slot_of(in, *block, own[i]));
    }
  }
  TensorList weights, gradients, momenta;
  std::vector<TensorList> slots;
};

// Adds a coupled decay, wd W, to the gradients, which then are copies.
void add_decay(Lists& lists, double decay, Arena& arena) {
  if (decay == 0) return;
  auto sums = like_each(lists.gradients, arena);
  at::_foreach_copy_(sums, lists.gradients);
  at::_foreach_add_(sums, lists.weights, decay);
  lists.gradients = std::move(sums);
}

// Returns u of each block, in memory of its own where it looks ahead: the momentum, its look-ahead,
// or, without one, the gradient.
TensorList updates_of(const Lists& lists, const MomentumMap& map, Arena& arena) {
  if (lists.momenta.empty()) return lists.gradients;
  if (!map.looks_ahead()) return lists.momenta;
  auto u = like_each(lists.momenta, arena);
  at::_foreach_copy_(u, lists.momenta);
  look_ahead_each(u, lists.gradients, map);
  return u;
}

// W <- W + c s, for the numbers of the host or of the device.
void move(const TensorList& weights, Fractions s, const StepNumber& c, bool owned, Arena& arena) {
  const bool divides = !s.denominators.empty();
  if (!c.tensor.defined()) {
    if (divides)
      at::_foreach_addcdiv_(weights, s.numerators, s.denominators, c.number);
    else
      at::_foreach_add_(weights, s.numerators, c.number);
  } else if (divides) {  // by infinity where c is 0
    divide_each(s.denominators, c);
    at::_foreach_addcdiv_(weights, s.numerators, s.denominators, 1);
  } else {
    if (!owned) {
      const auto own = like_each(s.numerators, arena);
      at::_foreach_copy_(own, s.numerators);
      s.numerators = own;
    }
    multiply_each(s.numerators, c);
    at::_foreach_add_(weights, s.numerators, 1);
  }
}

// The blocks' u as batches, one for each shape and radius, and each block's part of them.
struct Batches {
  TensorList batches, parts;
  std::vector<double> radii;
};

Batches stacked(const Alike& alike, const TensorList& m, const TensorList& g,
                const MomentumMap& map, Arena& arena) {
  std::map<std::tuple<int64_t, int64_t, double>, int64_t> counts;
  const auto key = [](const Block& block) {
    return std::tuple(block.rows, block.cols, block.radius);
  };
  for (const auto* block : alike.blocks) counts[key(*block)] += block->batch;
  Batches all;
  std::map<std::tuple<int64_t, int64_t, double>, std::pair<at::Tensor, int64_t>> open;
  for (const auto& [shape, count] : counts) {
    const auto [rows, cols, radius] = shape;
    all.batches.push_back(arena.take({count, rows, cols}, g[0].options()));
    all.radii.push_back(radius);
    open[shape] = {all.batches.back(), 0};
  }
  for (size_t i = 0; i < alike.blocks.size(); ++i) {
    auto& [batch, at] = open[key(*alike.blocks[i])];
    all.parts.push_back(batch.narrow(0, at, alike.blocks[i]->batch).view(g[i].sizes()));
    at += alike.blocks[i]->batch;
  }
  at::_foreach_copy_(all.parts, m.empty() ? g : m);
  if (!m.empty()) look_ahead_each(all.parts, g, map);
  return all;
}

}  // namespace

bool ListedStep::serves(const Block& block) const {
  const auto& w = in_.param(block).value;
  const auto dtype = w.scalar_type();
  if (is_in_memory(w) || w.is_cpu() || (dtype != at::kFloat && dtype != at::kDouble)) return false;
  if (!has_plain_choices(in_, block) || !lies_alike(in_, block)) return false;
  if (!is_scalar_of(coefficient_of(in_, block, true), dtype)) return false;
  if (const auto* const entries = entries_of(in_, block))
    return entries->serves(is_sharp(in_), in_.choices(block).eps);
  return batches_of(in_, block) && !is_sharp(in_) && block.has_contiguous_matrices() &&
         block.piece(w).is_contiguous();
}

void ListedStep::take(std::vector<const Block*>& blocks) {
  if (!takes_plain_steps(in_)) return;
  using Key = std::tuple<int64_t, int64_t, int, int, double>;
  std::map<Key, size_t> open;
  const auto groups = first_alike(in_);
  std::erase_if(blocks, [&](const Block* block) {
    if (!serves(*block)) return false;
    const auto& param = in_.param(*block);
    const auto& w = param.value;
    const auto* const batches = batches_of(in_, *block);
    const int64_t bytes = block->batch * block->rows * block->cols * w.element_size();
    const Key key{groups[block->group], param.state->step, w.device().index(),
                  static_cast<int>(w.scalar_type()), batches ? 1 : block->radius};
    const auto [found, fresh] = open.try_emplace(key, lists_.size());
    if (!fresh && lists_[found->second].bytes + bytes > kMostBytes) found->second = lists_.size();
    if (found->second == lists_.size()) lists_.push_back({{}, entries_of(in_, *block), batches});
    auto& list = lists_[found->second];
    list.blocks.push_back(block), list.bytes += bytes;
    return true;
  });
}

void ListedStep::run() const {
  Arena arena;
  for (const auto& alike : lists_) {
    const auto& first = alike.first();
    const auto& c = in_.choices(first);
    ListedNumbers numbers;
    numbers.keep.number = 1 - in_.decay(first);
    numbers.coefficient.number = -coefficient_of(in_, first, alike.batches == nullptr);
    if (c.start == MomentumStart::corrected) {
      const auto step = static_cast<double>(in_.param(first).state->step);
      numbers.root_of_correction.number = std::sqrt(1 - std::pow(c.beta2, step));
    }
    run(alike, numbers, arena);
  }
}

void ListedStep::run(const Alike& alike, const ListedNumbers& numbers, Arena& arena) const {
  const auto& first = alike.first();
  const auto& c = in_.choices(first);
  const auto& map = in_.map(first);
  arena.release();
  Lists lists(in_, alike);
  if (!c.decoupled) add_decay(lists, in_.numbers_of(first).weight_decay, arena);
  if (!lists.momenta.empty()) advance_each(lists.momenta, lists.gradients, map);
  if (alike.entries) {
    const ListedContext context{lists.slots, c.eps, numbers.root_of_correction};
    const bool begins = in_.param(first).state->step == 1 && c.start == MomentumStart::first;
    if (!lists.slots.empty())
      alike.entries->observe_each(lists.gradients,
                                  begins ? Average{} : Average{c.beta2, 1 - c.beta2}, context);
    const auto u = updates_of(lists, map, arena);
    auto s = alike.entries->directions_of_each(u, context, arena);
    const bool owned = !s.numerators[0].is_same(lists.gradients[0]) &&
                       (lists.momenta.empty() || !s.numerators[0].is_same(lists.momenta[0]));
    multiply_each(lists.weights, numbers.keep);
    move(lists.weights, std::move(s), numbers.coefficient, owned, arena);
    return;
  }
  auto all = stacked(alike, lists.momenta, lists.gradients, map, arena);
  if (!numbers.coefficient.tensor.defined())
    for (auto& radius : all.radii) radius *= numbers.coefficient.number;
  alike.batches->directions_in_place(all.batches, all.radii, arena);
  multiply_each(lists.weights, numbers.keep);
  multiply_each(all.parts, {1, numbers.coefficient.tensor});
  at::_foreach_add_(lists.weights, all.parts, 1);
}

}  // namespace steepest::engine
