// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/update.h"

#include <ATen/ATen.h>

#include "steepest/engine/fused.h"

namespace steepest {

double decay_factor(const Plan& plan, const std::vector<Rates>& rates, int64_t param) {
  const auto group = plan.params[param].group;
  const auto [lr, weight_decay] = rates[group];
  return plan.groups[group].choices.decoupled ? 1 - lr * weight_decay : 1;
}

void move(const Block& block, const at::Tensor& value, const at::Tensor& s,
          const Coefficient& coefficient, double keep) {
  auto piece = block.piece(value);
  const bool number = !coefficient.tensor.defined();
  if (number && fused_update(piece, block.unmatrices(s, piece), keep, coefficient.number)) return;
  if (keep != 1) piece.mul_(keep);
  if (number) {
    piece.add_(block.unmatrices(s, piece), -coefficient.number);
  } else if (block.batch == 1) {  // a 0-dim factor: as fast and as exact as a host scalar
    const auto c = coefficient.tensor.to(s.scalar_type()).reshape({});
    piece.addcmul_(block.unmatrices(s, piece), c, -1);
  } else {
    piece.sub_(block.unmatrices(s * per_matrix(coefficient.tensor, s), piece));
  }
}

}  // namespace steepest
