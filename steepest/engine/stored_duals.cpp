// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/stored_duals.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_copy.h>

#include "steepest/engine/entries.h"

namespace steepest::engine {

bool stores_dual(const StepInput& in, const Block& block) {
  return in.plan.recipe.duals == DualAge::stale && block.role == Role::matrix;
}

bool has_stored_dual(const StepInput& in, const Block& block) {
  return stores_dual(in, block) && in.param(block).state->dual.defined();
}

at::Tensor stored_dual(const StepInput& in, const Block& block) {
  const int64_t first = in.plan.layout_of(block).first_dual;
  return in.param(block).state->dual.narrow(0, first, block.batch);
}

void store_duals(const StepInput& in, const Bucket& bucket, const at::Tensor& duals) {
  std::vector<at::Tensor> stored, now;
  each_block(bucket, [&](const Block& block, int64_t at) {
    if (!stores_dual(in, block)) return;
    stored.push_back(stored_dual(in, block)), now.push_back(duals.narrow(0, at, block.batch));
  });
  if (!stored.empty()) at::_foreach_copy_(stored, now);
}

void make_stored_duals(const StepInput& in) {
  for (const auto& block : in.plan.blocks) {
    const auto& param = in.param(block);
    if (!stores_dual(in, block) || !param.grad.defined() || param.state->dual.defined()) continue;
    for (const auto& entry : state_entries(in.plan, block.param)) {
      if (entry.kind == EntryKind::dual)
        param.state->dual = initial_state(entry, in.plan, block.param, param.value);
    }
  }
}

}  // namespace steepest::engine
