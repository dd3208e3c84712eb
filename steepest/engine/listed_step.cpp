// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/listed_step.h"

#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <tuple>

#include "steepest/engine/momentum_lists.h"

namespace steepest::engine {
namespace {

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
void add_decay(Lists& lists, const StepNumber& decay, Arena& arena) {
  if (!decay.tensor.defined() && decay.number == 0) return;
  auto sums = like_each(lists.gradients, arena);
  at::_foreach_copy_(sums, lists.weights);
  multiply_each(sums, decay);
  at::_foreach_add_(sums, lists.gradients);
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

void run_lists(const StepInput& in, const std::vector<Alike>& lists) {
  Arena arena;
  for (const auto& alike : lists) {
    const auto& first = alike.first();
    const auto& c = in.choices(first);
    ListedNumbers numbers;
    numbers.keep.number = 1 - in.decay(first);
    numbers.coupled_decay.number = c.decoupled ? 0 : in.numbers_of(first).weight_decay;
    numbers.coefficient.number = -coefficient_of(in, first, alike.batches == nullptr);
    if (c.start == MomentumStart::corrected) {
      const auto step = static_cast<double>(in.param(first).state->step);
      numbers.root_of_correction.number = std::sqrt(1 - std::pow(c.beta2, step));
    }
    arena.release(0);
    run_list(in, alike, numbers, arena);
  }
}

void run_list(const StepInput& in, const Alike& alike, const ListedNumbers& numbers, Arena& arena) {
  const auto& first = alike.first();
  const auto& c = in.choices(first);
  const auto& map = in.map(first);
  Lists lists(in, alike);
  add_decay(lists, numbers.coupled_decay, arena);
  if (!lists.momenta.empty()) advance_each(lists.momenta, lists.gradients, map);
  if (alike.entries) {
    const ListedContext context{lists.slots, c.eps, numbers.root_of_correction};
    const bool begins = in.param(first).state->step == 1 && c.start == MomentumStart::first;
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
