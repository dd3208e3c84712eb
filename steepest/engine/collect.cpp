// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/collect.h"

#include <ATen/ATen.h>

#include "steepest/engine/entries.h"
#include "steepest/engine/step_size.h"

namespace steepest {
namespace {

void make_state(const Plan& plan, size_t i, const Param& param) {
  for (const auto& entry : state_entries(plan, i)) {
    auto& tensor = entry.of(*param.state);
    // What is not of the parameter's shape begins where it is first known.
    if (entry.like_param() && !tensor.defined()) tensor = zeros_for(entry, plan, i, param.value);
  }
}

void observe(const Norm& norm, const Choices& c, const at::Tensor& grad, ParamState& state) {
  if (state.slots.empty()) return;
  const bool first = state.step == 0 && c.start == Start::first;
  norm.observe(grad.to(state.slots[0].scalar_type()), state.slots, first ? 0 : c.beta2,
               first ? 1 : 1 - c.beta2);
}

}  // namespace

Collected collect(const Plan& plan, const std::vector<Param>& params,
                  const std::vector<Rates>& rates) {
  const bool momo = plan.recipe.step_size == StepSize::momo;
  Collected out{std::vector<at::Tensor>(params.size()), {}};
  const auto add = [&](const at::Tensor& h) {
    out.linear = out.linear.defined() ? out.linear + h : h;
  };
  for (size_t i = 0; i < params.size(); ++i) {
    const auto& param = params[i];
    if (!param.grad.defined()) {
      if (momo && param.state->step > 0) add(frozen_part(plan.recipe, param));
      continue;
    }
    const auto group = plan.params[i].group;
    const auto& c = plan.groups[group].choices;
    auto& state = *param.state;
    make_state(plan, i, param);
    auto g = param.grad;
    if (!c.decoupled && rates[group].weight_decay != 0)
      g = g.add(param.value, rates[group].weight_decay);
    observe(*plan.norms[group], c, g, state);
    const auto map = momentum_map(c, state.step == 0);
    ++state.step;
    if (c.place == Place::after || !state.momentum_buffer.defined()) {
      out.u[i] = g;
      continue;
    }
    g = g.to(state.momentum_buffer.scalar_type());
    out.u[i] = advance_and_look(state.momentum_buffer, g, map);
    if (momo) add(linear_part(plan.recipe, map, param, g, out.u[i]));
  }
  return out;
}

at::Tensor momentum_of_direction(const Plan& plan, const Block& block, const Param& param,
                                 const at::Tensor& s) {
  if (!param.state->momentum_buffer.defined()) return s;
  const auto map = momentum_map(plan.choices(block), param.state->step == 1);
  auto m = block.piece(param.state->momentum_buffer);
  const auto x = block.unmatrices(s, m).to(m.scalar_type());
  advance(m, x, map);
  Block whole = block;
  whole.length = -1, whole.offset = 0;  // m is the piece already
  return whole.matrices(look_ahead(m, x, map));
}

int64_t first_leaf(const Plan& plan, const Block& block) {
  int64_t at = 0;
  for (const auto& other : plan.blocks) {
    if (&other == &block) break;
    if (other.param == block.param) at += other.batch;
  }
  return at;
}

void store_dual(const Plan& plan, const Block& block, const Param& param, const at::Tensor& dual) {
  auto& stored = param.state->dual;
  if (!stored.defined()) {
    int64_t leaves = 0;
    for (const auto& other : plan.blocks) leaves += other.param == block.param ? other.batch : 0;
    stored = at::zeros({leaves}, dual.options());
  }
  stored.narrow(0, first_leaf(plan, block), block.batch).copy_(dual);
}

}  // namespace steepest
