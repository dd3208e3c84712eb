// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/advance.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/base/tensor.h"
#include "steepest/engine/entries.h"
#include "steepest/engine/momentum_lists.h"
#include "steepest/engine/state_batch.h"
#include "steepest/kernels/cpu/scratch.h"

namespace steepest::engine {
namespace {

using Gradients = std::vector<at::Tensor>;  // of a bucket's blocks, of their pieces' shapes

// Returns the gradient of each of the bucket's blocks as the momentum takes it, with coupled weight
// decay and projected to a manifold where there are such: see gradient().
Gradients gradients_of(const StepInput& in, const Bucket& bucket) {
  Gradients all;
  for (const auto* block : bucket.blocks) all.push_back(gradient(in, *block));
  return all;
}

// Whether the block's norm is given its momentum (or the look-ahead of it). Else the norm is given
// the gradient: there is no momentum, or MomentumPlace::after has it average the directions that
// the norm returns.
bool has_momentum(const StepInput& in, const Block& block) {
  return in.choices(block).place == MomentumPlace::before &&
         in.param(block).state->momentum_buffer.defined();
}

// Whether the momenta take the gradient first, as once a step, or are read as they are.
enum class Momenta { advance, keep };

// Returns the block's u, what its norm is given, of its piece's shape: the momentum, which
// Momenta::advance first advances by the gradient in place, its look-ahead, or, without
// has_momentum(), the gradient. It is written to `out` where that is defined; else u may be the
// momentum or the gradient itself, not a copy.
at::Tensor update_of(const StepInput& in, const Block& block, const at::Tensor& gradient,
                     Momenta momenta, const Kernels& kernels, const at::Tensor& out) {
  if (!has_momentum(in, block)) return out.defined() ? at::Tensor(out).copy_(gradient) : gradient;
  const auto m = block.piece(in.param(block).state->momentum_buffer);
  const auto& map = in.map(block);
  const auto g = gradient.to(m.scalar_type());
  return momenta == Momenta::advance ? advance_and_look_ahead(m, g, map, kernels, out)
                                     : look_ahead(m, g, map, out);
}

// Whether u, what the block's norm is given, is to be written to memory that is made for it: so it
// is for a look-ahead. Any other u is the momentum or the gradient itself, and where a block's
// matrices do not lie in order in memory, they are copied in any case.
bool needs_own_memory(const StepInput& in, const Block& block) {
  return block.has_contiguous_matrices() && has_momentum(in, block) && in.map(block).looks_ahead();
}

// Returns an uninitialized tensor of these sizes for a u, what a norm is given. With
// Storage::scratch, a float32 one of at most kMaxKept elements lies in this thread's scratch, which
// the next such call overwrites, where `in_memory` says that tensors of this device are in the
// process' own memory (is_in_memory); else it has memory of its own.
at::Tensor memory_for(at::IntArrayRef sizes, const at::TensorOptions& options, bool in_memory,
                      Storage storage) {
  constexpr int64_t kMaxKept = int64_t{1} << 24;  // elements: every thread may come to hold as many
  const int64_t size = c10::multiply_integers(sizes);
  const bool kept = storage == Storage::scratch && in_memory && options.dtype() == at::kFloat;
  if (!kept || size > kMaxKept) return at::empty(sizes, options);
  return at::from_blob(cpu::scratch<float>(cpu::Scratch::update, size), sizes, options);
}

// Whether all blocks of the bucket, more than one, lie on an accelerator, where every launch costs
// time, and their momenta, if any, go on alike, so that lists of tensors can be given to each.
bool advances_as_list(const StepInput& in, const Bucket& bucket) {
  const auto goes_on_as = [](const MomentumMap& a, const MomentumMap& b) {
    return a.keep == b.keep && a.take == b.take && a.carry == b.carry && a.look == b.look;
  };
  const auto& map = in.map(bucket.first());
  return !bucket.in_memory && bucket.blocks.size() > 1 &&
         std::all_of(bucket.blocks.begin(), bucket.blocks.end(), [&](const Block* block) {
           return goes_on_as(in.map(*block), map) && block->has_contiguous_matrices();
         });
}

// Returns joined_update() of a bucket that advances_as_list(): in four launches at most, however
// many blocks there are.
at::Tensor listed_update(const StepInput& in, const Bucket& bucket, const Gradients& gradients,
                         Momenta momenta) {
  const auto& map = in.map(bucket.first());
  std::vector<at::Tensor> m, g, matrices, parts;
  if (!has_momentum(in, bucket.first())) {
    for (size_t i = 0; i < gradients.size(); ++i)
      matrices.push_back(bucket.blocks[i]->matrices_of(gradients[i]));
    return joined(matrices);
  }
  for (size_t i = 0; i < bucket.blocks.size(); ++i) {
    const auto& block = *bucket.blocks[i];
    m.push_back(block.piece(in.param(block).state->momentum_buffer));
    g.push_back(gradients[i].to(m[i].scalar_type()));
    matrices.push_back(block.matrices_of(m[i]));
  }
  if (momenta == Momenta::advance) advance_each(m, g, map);
  auto u = joined(matrices);
  each_block(bucket, [&](const Block& block, int64_t at) {
    parts.push_back(u.narrow(0, at, block.batch).view(g[parts.size()].sizes()));
  });
  look_ahead_each(parts, g, map);
  return u;
}

// Returns u [B, r, c], what the norm is given, of the whole bucket: that of a single block without
// a copy where its layout allows it, those of several stacked in the memory that `storage` names.
// `gradients` and `momenta` are as gradients_of() and update_of() have them.
at::Tensor joined_update(const StepInput& in, const Bucket& bucket, const Gradients& gradients,
                         Momenta momenta, Storage storage) {
  if (advances_as_list(in, bucket)) return listed_update(in, bucket, gradients, momenta);
  const auto& first = bucket.first();
  const auto& value = in.param(first).value;
  const auto options = in.param(first).grad.options().dtype(dtype_of_update(in, first));
  const auto memory = [&](at::IntArrayRef sizes) {
    return memory_for(sizes, options, is_in_memory(value), storage);
  };
  if (bucket.blocks.size() == 1) {
    const auto out =
        needs_own_memory(in, first) ? memory(first.piece(value).sizes()) : at::Tensor();
    return first.matrices_of(update_of(in, first, gradients[0], momenta, *bucket.kernels, out));
  }
  auto u = memory({bucket.batch, first.rows, first.cols});
  size_t i = 0;
  each_block(bucket, [&](const Block& block, int64_t at) {
    const auto& g = gradients[i++];
    auto part = u.narrow(0, at, block.batch);
    if (block.has_contiguous_matrices())
      update_of(in, block, g, momenta, *bucket.kernels, part.view(g.sizes()));
    else
      part.copy_(block.matrices_of(update_of(in, block, g, momenta, *bucket.kernels, {})));
  });
  return u;
}

// Lets a geometry with parameters of its own take the step's gradients, as autograd gives them,
// into its slots, once a step.
void observe_geometry(const StepInput& in, const Bucket& bucket) {
  const auto& geometry = in.plan.rules_of(bucket.first()).geometry;
  if (!geometry) return;
  for (const auto* block : bucket.blocks) {
    const auto& param = in.param(*block);
    const auto state = geometry_state(in, *block);
    geometry->observe(block->matrices(param.grad), block->matrices(param.value),
                      geometry_context(in, *block, state));
    write_back(state);
  }
}

// Whether u [B, r, c] shares its memory with no gradient and no momentum, so that a norm may
// overwrite it.
bool is_private(const StepInput& in, const Bucket& bucket, const at::Tensor& u) {
  return std::none_of(bucket.blocks.begin(), bucket.blocks.end(), [&](const Block* block) {
    const auto& param = in.param(*block);
    const auto& m = param.state->momentum_buffer;
    return u.is_alias_of(param.grad) || (m.defined() && u.is_alias_of(m));
  });
}

// Whether u = lerp(g, m, carry), the look-ahead of a mean, of the gradient and the momentum as they
// lie in memory, so that a kernel can compute it from them: a coupled decay or a manifold would
// change the gradient first, and of a heavy ball (look = 1) u is a sum.
bool is_lerp(const StepInput& in, const Block& block) {
  const auto& param = in.param(block);
  const auto& map = in.map(block);
  const bool coupled = !in.choices(block).decoupled && in.numbers_of(block).weight_decay != 0;
  return has_momentum(in, block) && block.has_contiguous_matrices() && !coupled &&
         !in.plan.rules_of(block).geometry && map.look != 0 && map.look != 1 &&
         is_contiguous_float32(block.piece(param.state->momentum_buffer)) &&
         is_contiguous_float32(block.piece(param.grad));
}

}  // namespace

at::Tensor gradient(const StepInput& in, const Block& block) {
  const auto& param = in.param(block);
  const auto& geometry = in.plan.rules_of(block).geometry;
  auto g = block.piece(param.grad);
  const auto w = block.piece(param.value);
  const double decay = in.choices(block).decoupled ? 0 : in.numbers_of(block).weight_decay;
  if (decay != 0) {
    // In float64 where the decay, as a number of g's dtype, would overflow or become subnormal.
    g = is_scalar_of(decay, g.scalar_type()) ? g.add(w, decay)
                                             : g.to(at::kDouble).add(w, decay).to(g.scalar_type());
  }
  if (!geometry) return g;
  const auto state = geometry_state(in, block);
  return block.unmatrices(geometry->tangent(block.matrices_of(g), block.matrices_of(w),
                                            geometry_context(in, block, state)),
                          g);
}

void begin_step(const StepInput& in) {
  for (size_t i = 0; i < in.params.size(); ++i) {
    const auto& param = in.params[i];
    if (!param.grad.defined()) continue;
    for (const auto& entry : state_entries(in.plan, i)) {
      auto& tensor = entry.of(*param.state);
      const bool begins = entry.kind == EntryKind::momentum || entry.kind == EntryKind::slot;
      if (!tensor.defined() && begins) tensor = initial_state(entry, in.plan, i, param.value);
    }
    ++param.state->step;
  }
}

at::ScalarType dtype_of_update(const StepInput& in, const Block& block) {
  const auto& param = in.param(block);
  return (has_momentum(in, block) ? param.state->momentum_buffer : param.grad).scalar_type();
}

// Takes the gradients of the step and u [B, r, c], what the norm will be given, into the running
// means of an adaptive norm, which lie in `state` and are written back to the parameters: v <-
// beta2 v + (1 - beta2) g^2, for one. With the start `first`, the first gradient makes the mean
// alone.
void observe(const StepInput& in, const Bucket& bucket, const Gradients& gradients,
             const at::Tensor& u, const BucketState& state) {
  if (!in.plan.rules_of(bucket.first()).traits.adaptive) return;
  const auto& norm = *in.plan.rules_of(bucket.first()).norm;
  const auto& c = in.choices(bucket.first());
  const auto dtype = state.norm[0].tensor().scalar_type();
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < gradients.size(); ++i)
    parts.push_back(bucket.blocks[i]->matrices_of(gradients[i]).to(dtype));
  const auto context = norm_context(in, bucket, state);
  const bool first = context.step == 1 && c.start == MomentumStart::first;
  const Average average = first ? Average{} : Average{c.beta2, 1 - c.beta2};
  norm.observe(joined(parts), u, average, context);
  write_back(state.norm);
}

Batch advance(const StepInput& in, const Bucket& bucket, const BucketState& state,
              Storage storage) {
  observe_geometry(in, bucket);
  const auto gradients = gradients_of(in, bucket);
  const auto u = joined_update(in, bucket, gradients, Momenta::advance, storage);
  observe(in, bucket, gradients, u, state);
  return {u, is_private(in, bucket, u)};
}

Batch advance_momenta(const StepInput& in, const Bucket& bucket, Storage storage) {
  observe_geometry(in, bucket);
  const auto u = joined_update(in, bucket, gradients_of(in, bucket), Momenta::advance, storage);
  return {u, is_private(in, bucket, u)};
}

Batch update_again(const StepInput& in, const Bucket& bucket, Storage storage) {
  const auto u = joined_update(in, bucket, gradients_of(in, bucket), Momenta::keep, storage);
  return {u, is_private(in, bucket, u)};
}

bool can_recompute_update(const StepInput& in, const Bucket& bucket) {
  return !in.gathered && bucket.kernels->nesterov_products &&
         std::all_of(bucket.blocks.begin(), bucket.blocks.end(),
                     [&](const Block* block) { return is_lerp(in, *block); });
}

at::Tensor inner_product_with_update(const StepInput& in, const Bucket& bucket,
                                     const at::Tensor& s) {
  const auto products = at::empty({bucket.batch}, s.options().dtype(at::kDouble));
  each_block(bucket, [&](const Block& block, int64_t at) {
    const auto& param = in.param(block);
    const bool done = bucket.kernels->nesterov_products(
        block.piece(param.state->momentum_buffer), block.piece(param.grad), in.map(block).carry,
        s.narrow(0, at, block.batch), products.narrow(0, at, block.batch));
    TORCH_INTERNAL_ASSERT(done);
  });
  return products;
}

}  // namespace steepest::engine
