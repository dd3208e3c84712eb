// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/bucket.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "steepest/base/tensor.h"
#include "steepest/engine/groups_alike.h"
#include "steepest/norm_cost.h"

namespace steepest::engine {
namespace {

// On the CPU a bucket stays in a core's cache; elsewhere one call should fill the device.
constexpr int64_t kCacheBytes = int64_t{1} << 19, kDeviceBytes = int64_t{256} << 20;
constexpr int64_t kMinAloneBytes = int64_t{1} << 16;

// Blocks of one key may share a bucket: see key_of().
using Key = std::tuple<int64_t, int64_t, int64_t, int, int, int, int64_t, int64_t>;

// Returns what the blocks of a bucket have in common: group, or one like it, matrix shape, dtype
// and device. Blocks that have seen different numbers of gradients (one missed some) cannot share a
// call where that number matters: to a bias correction, to the state of a norm or a transform. With
// batched = false the block's first leaf, which no other block has, keeps it alone. On an
// accelerator, where another bucket is as many launches again, `groups` has the group that stands
// for the block's.
Key key_of(const StepInput& in, const Block& block, const std::vector<int64_t>& groups) {
  const auto& c = in.choices(block);
  const auto& rules = in.plan.rules_of(block);
  const auto& param = in.param(block);
  const auto device = param.value.device();
  const bool counts =
      c.start == MomentumStart::corrected || rules.traits.adaptive || !rules.transforms.empty();
  return {is_in_memory(param.value) ? block.group : groups[block.group],
          block.rows,
          block.cols,
          static_cast<int>(param.value.scalar_type()),
          static_cast<int>(device.type()),
          device.index(),
          counts ? param.state->step : 0,
          c.batched ? -1 : block.leaf};
}

// Returns the short side of the block's matrices, 0 of a norm that multiplies none.
int64_t short_side_of(const Block& block, const NormTraits& norm) {
  return norm.elementwise ? 0 : std::min(block.rows, block.cols);
}

// Estimates the bytes that the block's norm works in, as if in float32: what it is given, [B, r,
// c], and beside it four squares of the short side, since the polar factor's Gram form takes the
// most.
double workspace_of(const Block& block, const NormTraits& norm) {
  const int64_t short_side = short_side_of(block, norm);
  const int64_t elements = block.batch * block.rows * block.cols + 4 * short_side * short_side;
  return static_cast<double>(elements) * sizeof(float);
}

}  // namespace

at::Tensor joined(const std::vector<at::Tensor>& of_blocks) {
  return of_blocks.size() == 1 ? of_blocks[0] : at::cat(of_blocks);
}

std::vector<int64_t> leaves_of(const Bucket& bucket) {
  std::vector<int64_t> leaves;
  for (const auto* block : bucket.blocks)
    for (int64_t i = 0; i < block->batch; ++i) leaves.push_back(block->leaf + i);
  return leaves;
}

std::vector<Bucket> make_buckets(const StepInput& in, const std::vector<const Block*>& blocks) {
  std::vector<Bucket> buckets;
  std::map<Key, size_t> open;
  const bool in_memory = std::all_of(blocks.begin(), blocks.end(), [&](const Block* block) {
    return is_in_memory(in.param(*block).value);
  });
  const auto groups = in_memory ? std::vector<int64_t>() : groups_alike(in, Roles::same);
  for (const auto* block : blocks) {
    const auto& value = in.param(*block).value;
    const auto& norm = in.plan.rules_of(*block).traits;
    const int64_t bytes = block->rows * block->cols * value.element_size();
    const int64_t most = value.is_cpu() ? kCacheBytes : kDeviceBytes;
    const auto [found, fresh] = open.try_emplace(key_of(in, *block, groups), buckets.size());
    // Of large blocks that are computed entry by entry a stack would only be a copy.
    const bool alone = bytes > kMinAloneBytes && norm.elementwise;
    const bool full =
        !fresh && (alone || (buckets[found->second].batch + block->batch) * bytes > most);
    if (full) found->second = buckets.size();
    if (fresh || full)
      buckets.push_back({.in_memory = is_in_memory(value), .kernels = &kernels_of(value)});
    auto& bucket = buckets[found->second];
    bucket.blocks.push_back(block);
    bucket.batch += block->batch;
    bucket.estimated_flops += estimated_flops(*block, short_side_of(*block, norm));
    bucket.workspace_bytes += workspace_of(*block, norm);
    bucket.single_threaded = block->rows * block->cols <= norm.single_thread_max_elements;
  }
  return buckets;
}

}  // namespace steepest::engine
