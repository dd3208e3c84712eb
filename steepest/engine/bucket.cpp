// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/bucket.h"

#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <tuple>

#include "steepest/engine/momentum.h"

namespace steepest {
namespace {

constexpr int64_t kBucketBytes = int64_t{16} << 20;
constexpr int64_t kLeastAlone = int64_t{1} << 16;

using Key = std::tuple<int64_t, int64_t, int64_t, int, int, int, int64_t, int64_t>;

// Blocks whose bias corrections differ (one missed a gradient) cannot share a call.
Key key_of(const Plan& plan, const Param& param, const Block& block) {
  const auto& c = plan.choices(block);
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

at::Tensor stack(const Bucket& bucket, const auto& tensor_of) {
  std::vector<at::Tensor> parts;
  for (const auto* block : bucket.blocks) parts.push_back(block->matrices(tensor_of(*block)));
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

NormContext context_of(const Plan& plan, const std::vector<Param>& params, const Bucket& bucket) {
  const auto& first = *bucket.blocks[0];
  const auto& c = plan.choices(first);
  const auto step = static_cast<double>(params[first.param].state->step);
  NormContext context{.eps = c.eps};
  if (c.start == Start::corrected) context.correction = 1 - std::pow(c.beta2, step);
  for (size_t i = 0; i < params[first.param].state->slots.size(); ++i) {
    context.slots.push_back(
        stack(bucket, [&](const Block& b) { return params[b.param].state->slots[i]; }));
  }
  return context;
}

}  // namespace

std::vector<Bucket> make_buckets(const Plan& plan, const std::vector<Param>& params,
                                 const std::vector<const Block*>& blocks) {
  std::vector<Bucket> buckets;
  std::map<Key, size_t> open;
  for (const auto* block : blocks) {
    const auto& param = params[block->param];
    const int64_t bytes = block->rows * block->cols * param.value.element_size();
    const auto [found, fresh] = open.try_emplace(key_of(plan, param, *block), buckets.size());
    // Of large blocks that are computed entry by entry a stack would only be a copy.
    const bool alone = bytes > kLeastAlone && plan.norms[block->group]->traits().elementwise;
    const bool full =
        !fresh && (alone || (buckets[found->second].batch + block->batch) * bytes > kBucketBytes);
    if (full) found->second = buckets.size();
    if (fresh || full) buckets.emplace_back();
    buckets[found->second].blocks.push_back(block);
    buckets[found->second].batch += block->batch;
  }
  return buckets;
}

Direction measure(const Plan& plan, const std::vector<Param>& params, const Bucket& bucket,
                  const std::vector<at::Tensor>& u, Wanted wanted) {
  const auto& first = *bucket.blocks[0];
  const auto& norm = *plan.norms[first.group];
  const int degree = norm.traits().degree;
  const double rho = momentum_correction(plan.choices(first), params[first.param].state->step);
  const auto m = stack(bucket, [&](const Block& b) { return u[b.param]; });
  const auto context = context_of(plan, params, bucket);
  // With m^ = m / rho:  s(m^) = rho^-degree s(m),  dual(m^) = rho^-(degree + 1) dual(m).
  if (wanted == Wanted::sharp) {
    return {norm.sharp(m, context), {}, {}, std::pow(rho, -2 * degree - 1)};
  }
  if (wanted == Wanted::direction) {
    return {norm.direction(m, context), {}, {}, std::pow(rho, -degree)};
  }
  const auto [s, dual] = norm.steepest(m, context);
  return {s, rho == 1 ? dual : dual * std::pow(rho, -degree - 1), dual, std::pow(rho, -degree)};
}

}  // namespace steepest
