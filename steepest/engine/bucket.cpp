// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/bucket.h"

#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <tuple>

#include "steepest/engine/momentum.h"

namespace steepest {
namespace {

// On the CPU a bucket stays in a core's cache; elsewhere one call should fill the device.
constexpr int64_t kCacheBytes = int64_t{1} << 19, kDeviceBytes = int64_t{64} << 20;
constexpr int64_t kLeastAlone = int64_t{1} << 16;

using Key = std::tuple<int64_t, int64_t, int64_t, int, int, int, int64_t, int64_t>;

// Blocks whose bias corrections differ (one missed a gradient) cannot share a call.
Key key_of(const StepInput& in, const Block& block) {
  const auto& c = in.choices(block);
  const auto& param = in.param(block);
  const auto device = param.value.device();
  return {block.group,
          block.rows,
          block.cols,
          static_cast<int>(param.value.scalar_type()),
          static_cast<int>(device.type()),
          device.index(),
          c.start == Start::corrected ? param.state->step : 0,
          c.batched ? -1 : block.leaf};
}

NormContext context_of(const StepInput& in, const Bucket& bucket) {
  const auto& first = *bucket.blocks[0];
  const auto& c = in.choices(first);
  const auto& state = *in.param(first).state;
  NormContext context{.eps = c.eps};
  if (c.start == Start::corrected)
    context.correction = 1 - std::pow(c.beta2, static_cast<double>(state.step));
  for (size_t i = 0; i < state.slots.size(); ++i) {
    context.slots.push_back(
        stack(bucket, [&](const Block& b) { return in.param(b).state->slots[i]; }));
  }
  return context;
}

// An entry passes through the caches a few times, and is multiplied by the short side.
double work_of(const Block& block, const NormTraits& norm) {
  constexpr int64_t kPasses = 16;
  const int64_t short_side = norm.elementwise ? 0 : std::min(block.rows, block.cols);
  return static_cast<double>(block.batch * block.rows * block.cols) *
         static_cast<double>(kPasses + short_side);
}

// Its u, and beside it four squares of the short side: the polar factor's Gram form takes the most.
double room_of(const Block& block, const NormTraits& norm) {
  const int64_t short_side = norm.elementwise ? 0 : std::min(block.rows, block.cols);
  const int64_t numbers = block.batch * block.rows * block.cols + 4 * short_side * short_side;
  return static_cast<double>(numbers) * sizeof(float);
}

bool plain_on_cpu(const at::Tensor& value) {
  return value.is_cpu() && !value.key_set().has(c10::DispatchKey::Python);
}

}  // namespace

std::vector<Bucket> make_buckets(const StepInput& in, const std::vector<const Block*>& blocks) {
  std::vector<Bucket> buckets;
  std::map<Key, size_t> open;
  for (const auto* block : blocks) {
    const auto& value = in.param(*block).value;
    const NormTraits norm = in.plan.norms[block->group]->traits();
    const int64_t bytes = block->rows * block->cols * value.element_size();
    const int64_t most = value.is_cpu() ? kCacheBytes : kDeviceBytes;
    const auto [found, fresh] = open.try_emplace(key_of(in, *block), buckets.size());
    // Of large blocks that are computed entry by entry a stack would only be a copy.
    const bool alone = bytes > kLeastAlone && norm.elementwise;
    const bool full =
        !fresh && (alone || (buckets[found->second].batch + block->batch) * bytes > most);
    if (full) found->second = buckets.size();
    if (fresh || full) buckets.push_back({.on_cpu = plain_on_cpu(value)});
    auto& bucket = buckets[found->second];
    bucket.blocks.push_back(block);
    bucket.batch += block->batch;
    bucket.work += work_of(*block, norm);
    bucket.room += room_of(*block, norm);
    bucket.serial = block->rows * block->cols <= norm.serial_below;
  }
  return buckets;
}

at::Tensor stack(const Bucket& bucket, const std::function<at::Tensor(const Block&)>& tensor_of) {
  std::vector<at::Tensor> parts;
  for (const auto* block : bucket.blocks) parts.push_back(block->matrices(tensor_of(*block)));
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

Direction measure(const StepInput& in, const Bucket& bucket, const at::Tensor& u, Wanted wanted,
                  const at::Tensor& basis, bool may_overwrite) {
  const auto& first = *bucket.blocks[0];
  const auto& norm = *in.plan.norms[first.group];
  const int degree = norm.traits().degree;
  const double rho = momentum_correction(in.choices(first), in.param(first).state->step);
  auto context = context_of(in, bucket);
  context.basis = basis;
  context.may_overwrite = may_overwrite;
  // With m^ = m / rho:  s(m^) = rho^-degree s(m),  dual(m^) = rho^-(degree + 1) dual(m).
  if (wanted == Wanted::sharp) {
    const auto sharp = norm.sharp(u, context);
    return {sharp.direction, {}, {}, std::pow(rho, -2 * degree - 1), sharp.factor};
  }
  if (wanted == Wanted::direction) {
    return {norm.direction(u, context), {}, {}, std::pow(rho, -degree)};
  }
  const auto [s, dual] = norm.steepest(u, context);
  return with_dual(in, bucket, {s, {}, {}, std::pow(rho, -degree)}, dual);
}

Direction with_dual(const StepInput& in, const Bucket& bucket, Direction direction,
                    const at::Tensor& attained) {
  const auto& first = *bucket.blocks[0];
  const int degree = in.plan.norms[first.group]->traits().degree;
  const double rho = momentum_correction(in.choices(first), in.param(first).state->step);
  direction.attained = attained;
  direction.dual = rho == 1 ? attained : attained * std::pow(rho, -degree - 1);
  return direction;
}

}  // namespace steepest
