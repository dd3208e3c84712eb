// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/state_batch.h"

#include <ATen/ATen.h>

#include <cmath>

namespace steepest::engine {

// A state tensor of the parameter's shape is seen as the block's matrices [b, r, c].
void StateBatch::add_block(const Block& block, const at::Tensor& state) {
  const auto own = block.piece(state);
  parts_.push_back({&block, own, block.matrices_of(own), true});
}

// Adds the block's part of a slot; `state` is the parameter's tensor of it. A slot of the
// parameter's shape is seen as the block's matrices; a flat one lies there matrix after matrix.
void StateBatch::add_block(const Block& block, const at::Tensor& state, const BlockSlot& slot) {
  if (slot.slot.like_param()) return add_block(block, state);
  const auto own = slot.of(state, block);
  parts_.push_back({&block, own, own, false});
}

void StateBatch::join() {
  std::vector<at::Tensor> batches;
  for (const auto& part : parts_) batches.push_back(part.batch);
  tensor_ = joined(batches);
}

void StateBatch::write_back() const {
  std::vector<at::Tensor> own, now;
  int64_t at = 0;
  for (const auto& part : parts_) {
    const int64_t size = part.batch.size(0);
    const auto batch = tensor_.narrow(0, at, size);
    at += size;
    if (batch.is_alias_of(part.own)) continue;
    own.push_back(part.own);
    now.push_back(part.like_param ? part.block->unmatrices(batch, part.own) : batch);
  }
  if (!own.empty()) at::_foreach_copy_(own, now);
}

namespace {

// Returns one batch for each slot of the norm, or of one transform, in the order of its slots():
// the slot's state of all blocks, joined in the bucket's order. slots_of(layout of a block) names
// these slots: a list of BlockSlot, as long for every block of a bucket.
std::vector<StateBatch> batches_of(const StepInput& in, const Bucket& bucket,
                                   const auto& slots_of) {
  std::vector<StateBatch> batches(slots_of(in.plan.layout_of(bucket.first())).size());
  for (const auto* block : bucket.blocks) {
    const auto& slots = slots_of(in.plan.layout_of(*block));
    const auto& state = in.param(*block).state->slots;
    for (size_t i = 0; i < slots.size(); ++i)
      batches[i].add_block(*block, state[slots[i].index], slots[i]);
  }
  for (auto& batch : batches) batch.join();
  return batches;
}

// Tells the norm of the block's momentum, if it is given one: how it goes on at this step, and
// whether it is given that itself, which looks nowhere ahead.
void add_momentum(const StepInput& in, const Block& block, NormContext& context) {
  const auto& c = in.choices(block);
  const bool defined = in.param(block).state->momentum_buffer.defined();
  if (!defined || c.place == MomentumPlace::after || c.error_feedback) return;
  const auto& map = in.map(block);
  context.momentum = {map.keep, map.take};
  context.is_momentum = !map.looks_ahead();
}

}  // namespace

// Collects the slots of the bucket's norm and transforms from the states of its parameters.
BucketState::BucketState(const StepInput& in, const Bucket& bucket)
    : norm(batches_of(
          in, bucket, [](const BlockLayout& l) -> auto& { return l.norm; })) {
  const auto& rules = in.plan.rules_of(bucket.first());
  for (size_t t = 0; t < rules.transforms.size(); ++t)
    transforms.push_back(batches_of(
        in, bucket, [t](const BlockLayout& l) -> auto& { return l.transforms[t]; }));
}

StateBatch momentum_batch(const StepInput& in, const Bucket& bucket) {
  StateBatch batch;
  for (const auto* block : bucket.blocks)
    batch.add_block(*block, in.param(*block).state->momentum_buffer);
  batch.join();
  return batch;
}

std::vector<StateBatch> geometry_state(const StepInput& in, const Block& block) {
  const Bucket alone{.blocks = {&block}, .batch = block.batch};
  return batches_of(
      in, alone, [](const BlockLayout& l) -> auto& { return l.geometry; });
}

GeometryContext geometry_context(const StepInput& in, const Block& block,
                                 const std::vector<StateBatch>& state) {
  return {.slots = tensors_of(state),
          .step = in.param(block).state->step,
          .lr = in.numbers_of(block).lr,
          .decay = in.share_of_decay(block)};
}

NormContext norm_context(const StepInput& in, const Bucket& bucket, const BucketState& state) {
  const auto& first = bucket.first();
  const auto& c = in.choices(first);
  NormContext context{.slots = tensors_of(state.norm), .eps = c.eps};
  if (in.plan.rules_of(first).traits.adaptive) {
    context.leaves = leaves_of(bucket);
    add_momentum(in, first, context);
  }
  context.step = in.param(first).state->step;
  context.rho = in.correction(first);
  if (c.start == MomentumStart::corrected)
    context.correction = 1 - std::pow(c.beta2, static_cast<double>(context.step));
  return context;
}

std::vector<at::Tensor> tensors_of(const std::vector<StateBatch>& batches) {
  std::vector<at::Tensor> tensors;
  for (const auto& batch : batches) tensors.push_back(batch.tensor());
  return tensors;
}

// Calls write_back() of each of the batches, such as the slots of a norm.
void write_back(const std::vector<StateBatch>& batches) {
  for (const auto& batch : batches) batch.write_back();
}

}  // namespace steepest::engine
