// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/shared_step.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include "steepest/base/text.h"
#include "steepest/engine/stored_duals.h"

namespace steepest::engine {

void agree_on_gradients(const Plan& plan, const std::vector<Param>& params, ProcessGroup& group) {
  std::vector<double> has;
  for (const auto& param : params) has.push_back(param.grad.defined() ? 1 : 0);
  const auto device = params.empty() ? at::Device(at::kCPU) : params[0].value.device();
  const auto sums = group.sum(at::tensor(has, at::kDouble).to(device)).to(at::kCPU);
  for (size_t i = 0; i < has.size(); ++i) {
    const double sum = sums[static_cast<int64_t>(i)].item<double>();
    TORCH_CHECK_VALUE(sum == 0 || sum == static_cast<double>(group.size()),
                      shown(plan.params[i].name), ": received a gradient on ", sum, " of ",
                      group.size(), " processes, allowed all or none of them");
  }
}

bool holds_anywhere(bool condition, ProcessGroup* group) {
  if (!group) return condition;
  return group->sum(at::full({1}, condition ? 1.0 : 0.0, at::kDouble)).item<double>() > 0;
}

std::vector<Flight> make_flights(const StepInput& in, ProcessGroup& group) {
  constexpr int64_t kMostEntries = int64_t{1} << 26;  // of u, of a process
  const auto& sharing = *in.plan.sharing;
  std::vector<Flight> flights;
  std::vector<size_t> blocks;
  int64_t entries = 0;
  const auto depart = [&] {
    if (!blocks.empty()) flights.emplace_back(in, group, std::exchange(blocks, {}));
    entries = 0;
  };
  for (size_t i = 0; i < sharing.whole.blocks.size(); ++i) {
    const auto& block = sharing.whole.blocks[i];
    if (sharing.owners[i] == kWhereItLies || !in.param(block).grad.defined()) continue;
    const int64_t own = block.batch * block.rows * block.cols;
    if (entries + own > kMostEntries * group.size()) depart();
    blocks.push_back(i), entries += own;
  }
  depart();
  return flights;
}

SharedDuals::SharedDuals(const StepInput& in)
    : in_(in),
      leaves_(at::zeros({in.plan.leaves},
                        in.params[0].value.options().requires_grad(false).dtype(at::kDouble))) {}

void SharedDuals::add(const Job& job, bool for_record) {
  each_block(job.bucket(), [&](const Block& block, int64_t at) {
    if (!in_.plan.sharing->counts(block.param)) return;
    leaves_.narrow(0, block.leaf, block.batch)
        .add_(for_record ? job.measured_dual(at, block.batch) : job.dual(at, block.batch));
  });
}

void SharedDuals::add(const Flight& flight, bool for_record) {
  flight.write_duals(leaves_, for_record);
}

std::vector<at::Tensor> SharedDuals::sum(ProcessGroup& group, at::Tensor& products) const {
  const auto own = products.defined() ? at::cat({leaves_, products}) : leaves_;
  const auto leaves = group.sum(own);
  if (products.defined()) products = leaves.narrow(0, in_.plan.leaves, products.numel());
  const auto& whole = in_.plan.sharing->whole;
  std::vector<at::Tensor> duals(whole.blocks.size());
  for (size_t i = 0; i < duals.size(); ++i)
    if (const auto& block = whole.blocks[i]; in_.param(block).grad.defined())
      duals[i] = leaves.narrow(0, block.leaf, block.batch);
  return duals;
}

void store_shared_duals(const StepInput& whole, const std::vector<at::Tensor>& duals) {
  for (size_t i = 0; i < duals.size(); ++i) {
    const auto& block = whole.plan.blocks[i];
    if (duals[i].defined() && stores_dual(whole, block)) stored_dual(whole, block).copy_(duals[i]);
  }
}

}  // namespace steepest::engine
