// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/gather.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/engine/entries.h"
#include "steepest/engine/fused.h"
#include "steepest/engine/momentum.h"
#include "steepest/kernels/cpu/scratch.h"

namespace steepest {
namespace {

enum class Momenta { advance, keep };

void observe(const StepInput& in, const Block& block, const at::Tensor& g) {
  const auto& c = in.choices(block);
  const auto& state = *in.param(block).state;
  if (state.slots.empty()) return;
  const bool first = state.step == 1 && c.start == Start::first;
  std::vector<at::Tensor> slots;
  for (const auto& slot : state.slots) slots.push_back(block.piece(slot));
  in.plan.norms[block.group]->observe(g.to(slots[0].scalar_type()), slots, first ? 0 : c.beta2,
                                      first ? 1 : 1 - c.beta2);
}

// The block's u, of its piece's shape; written to `out` where that is defined.
at::Tensor look(const StepInput& in, const Block& block, Momenta momenta, const at::Tensor& out) {
  const auto& c = in.choices(block);
  const auto& state = *in.param(block).state;
  auto g = gradient(in, block);
  if (momenta == Momenta::advance) observe(in, block, g);
  if (c.place == Place::after || !state.momentum_buffer.defined()) {
    return out.defined() ? at::Tensor(out).copy_(g) : g;
  }
  const auto m = block.piece(state.momentum_buffer);
  const auto map = momentum_map(c, state.step == 1);
  g = g.to(m.scalar_type());
  return momenta == Momenta::advance ? advance_and_look(m, g, map, out)
                                     : look_ahead(m, g, map, out);
}

at::ScalarType dtype_of(const StepInput& in, const Block& block) {
  const auto& param = in.param(block);
  const bool of_gradient =
      in.choices(block).place == Place::after || !param.state->momentum_buffer.defined();
  return of_gradient ? param.grad.scalar_type() : param.state->momentum_buffer.scalar_type();
}

// look() needs room for a u of the shape in which m lies in memory.
bool needs_room(const StepInput& in, const Block& block) {
  const auto& c = in.choices(block);
  const auto& state = *in.param(block).state;
  return block.plain() && c.place == Place::before && state.momentum_buffer.defined() &&
         momentum_map(c, state.step == 1).look != 0;
}

at::Tensor room_for(const Bucket& bucket, at::IntArrayRef sizes, const at::TensorOptions& options,
                    Room room) {
  constexpr int64_t kMostKept = int64_t{1} << 24;  // numbers: every thread may come to hold as many
  const int64_t size = c10::multiply_integers(sizes);
  const bool kept = room == Room::scratch && bucket.on_cpu && options.dtype() == at::kFloat;
  if (!kept || size > kMostKept) return at::empty(sizes, options);
  return at::from_blob(cpu::scratch<float>(cpu::Scratch::look, size), sizes, options);
}

at::Tensor gather(const StepInput& in, const Bucket& bucket, Momenta momenta, Room room) {
  const auto& first = *bucket.blocks[0];
  const auto options = in.param(first).grad.options().dtype(dtype_of(in, first));
  if (bucket.blocks.size() == 1) {
    at::Tensor out;
    if (needs_room(in, first))
      out = room_for(bucket, first.piece(in.param(first).value).sizes(), options, room);
    return first.matrices_of(look(in, first, momenta, out));
  }
  auto u = room_for(bucket, {bucket.batch, first.rows, first.cols}, options, room);
  int64_t at = 0;
  for (const auto* block : bucket.blocks) {
    auto slot = u.narrow(0, at, block->batch);
    if (block->plain()) {
      look(in, *block, momenta, slot.view(block->piece(in.param(*block).value).sizes()));
    } else {
      slot.copy_(block->matrices_of(look(in, *block, momenta, {})));
    }
    at += block->batch;
  }
  return u;
}

}  // namespace

at::Tensor gradient(const StepInput& in, const Block& block) {
  const auto& param = in.param(block);
  const auto g = block.piece(param.grad);
  const double decay = in.rates[block.group].weight_decay;
  if (in.choices(block).decoupled || decay == 0) return g;
  const auto w = block.piece(param.value);
  if (is_scalar_of(decay, g.scalar_type())) return g.add(w, decay);
  return g.to(at::kDouble).add(w, decay).to(g.scalar_type());
}

void begin_step(const StepInput& in) {
  for (size_t i = 0; i < in.params.size(); ++i) {
    const auto& param = in.params[i];
    if (!param.grad.defined()) continue;
    for (const auto& entry : state_entries(in.plan, i)) {
      auto& tensor = entry.of(*param.state);
      const bool begins = entry.like_param() || entry.kind == EntryKind::basis;
      if (!tensor.defined() && begins) tensor = zeros_for(entry, in.plan, i, param.value);
    }
    ++param.state->step;
  }
}

at::Tensor gather(const StepInput& in, const Bucket& bucket, Room room) {
  return gather(in, bucket, Momenta::advance, room);
}
at::Tensor gather_again(const StepInput& in, const Bucket& bucket, Room room) {
  return gather(in, bucket, Momenta::keep, room);
}

bool is_private(const StepInput& in, const Bucket& bucket, const at::Tensor& u) {
  return std::none_of(bucket.blocks.begin(), bucket.blocks.end(), [&](const Block* block) {
    const auto& param = in.param(*block);
    const auto& m = param.state->momentum_buffer;
    return u.is_alias_of(param.grad) || (m.defined() && u.is_alias_of(m));
  });
}

namespace {

// u = lerp(g, m, carry) of tensors as they lie in memory.
bool is_lerp(const StepInput& in, const Block& block) {
  const auto& param = in.param(block);
  const auto& m = param.state->momentum_buffer;
  const auto& c = in.choices(block);
  const auto map = momentum_map(c, param.state->step == 1);
  const bool coupled = !c.decoupled && in.rates[block.group].weight_decay != 0;
  return c.place == Place::before && m.defined() && block.plain() && !coupled && map.look != 0 &&
         map.look != 1 && fusible(block.piece(m)) && fusible(block.piece(param.grad));
}

}  // namespace

bool can_look_again(const StepInput& in, const Bucket& bucket) {
  return std::all_of(bucket.blocks.begin(), bucket.blocks.end(),
                     [&](const Block* block) { return is_lerp(in, *block); });
}

at::Tensor look_products(const StepInput& in, const Bucket& bucket, const at::Tensor& s) {
  const auto products = at::empty({bucket.batch}, s.options().dtype(at::kDouble));
  int64_t at = 0;
  for (const auto* block : bucket.blocks) {
    const auto& param = in.param(*block);
    const auto map = momentum_map(in.choices(*block), param.state->step == 1);
    const bool done = fused_look_products(
        block->piece(param.state->momentum_buffer), block->piece(param.grad), map.carry,
        s.narrow(0, at, block->batch), products.narrow(0, at, block->batch));
    TORCH_INTERNAL_ASSERT(done);
    at += block->batch;
  }
  return products;
}

at::Tensor momentum_of_direction(const StepInput& in, const Block& block, const at::Tensor& s) {
  const auto& state = *in.param(block).state;
  if (!state.momentum_buffer.defined()) return s;
  const auto map = momentum_map(in.choices(block), state.step == 1);
  const auto m = block.piece(state.momentum_buffer);
  const auto x = block.unmatrices(s, m).to(m.scalar_type());
  advance(m, x, map);
  return block.matrices_of(look_ahead(m, x, map));
}

}  // namespace steepest
