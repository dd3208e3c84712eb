// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/update.h"

#include <ATen/ATen.h>

namespace steepest {

void decay(const Plan& plan, const std::vector<Param>& params, const std::vector<Rates>& rates) {
  for (size_t i = 0; i < params.size(); ++i) {
    const auto group = plan.params[i].group;
    const auto [lr, weight_decay] = rates[group];
    if (!params[i].grad.defined() || weight_decay == 0) continue;
    if (plan.groups[group].choices.decoupled) params[i].value.mul_(1 - lr * weight_decay);
  }
}

void move(const Block& block, const at::Tensor& value, const at::Tensor& s,
          const Coefficient& coefficient) {
  auto piece = block.piece(value);
  if (!coefficient.tensor.defined()) {
    piece.add_(block.unmatrices(s, piece), -coefficient.number);
  } else if (block.batch == 1) {  // a 0-dim factor: as fast and as exact as a host scalar
    const auto c = coefficient.tensor.to(s.scalar_type()).reshape({});
    piece.addcmul_(block.unmatrices(s, piece), c, -1);
  } else {
    piece.sub_(block.unmatrices(s * per_matrix(coefficient.tensor, s), piece));
  }
}

}  // namespace steepest
