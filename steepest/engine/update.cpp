// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/update.h"

#include <ATen/ATen.h>

#include "steepest/engine/fused.h"

namespace steepest {

namespace {

// Matrix by matrix, each with its own coefficient; false: nothing was done.
bool fused_moves(const Block& block, const at::Tensor& piece, const at::Tensor& s,
                 const at::Tensor& coefficients, double keep) {
  if (!coefficients.is_cpu() || !block.plain() || !piece.is_contiguous()) return false;
  const auto factors = coefficients.contiguous();
  const auto w = block.matrices_of(piece);
  for (int64_t i = 0; i < block.batch; ++i) {
    if (!fused_update(w[i], s[i], keep, factors.const_data_ptr<double>()[i])) return false;
  }
  return true;
}

}  // namespace

double decay_factor(const StepInput& in, const Block& block) {
  const auto [lr, weight_decay] = in.rates[block.group];
  return in.choices(block).decoupled ? 1 - lr * weight_decay : 1;
}

void move(const Block& block, const at::Tensor& value, const at::Tensor& s,
          const Coefficient& coefficient, double keep) {
  auto piece = block.piece(value);
  const auto& c = coefficient.tensor;
  const bool number = !c.defined();
  if (number && fused_update(piece, block.unmatrices(s, piece), keep, coefficient.number)) return;
  if (!number && fused_moves(block, piece, s, c, keep)) return;
  if (keep != 1) piece.mul_(keep);
  if (number) {
    piece.add_(block.unmatrices(s, piece), -coefficient.number);
  } else if (block.batch == 1) {  // a 0-dim factor: as fast and as exact as a host scalar
    piece.addcmul_(block.unmatrices(s, piece), c.to(s.scalar_type()).reshape({}), -1);
  } else {
    piece.sub_(block.unmatrices(s * per_matrix(c, s), piece));
  }
}

}  // namespace steepest
