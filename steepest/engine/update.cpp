// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/update.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/base/tensor.h"
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

bool is_half(const at::Tensor& s) { return s.element_size() < 4; }

bool all_single(const at::Tensor& coefficients) {
  const auto c = coefficients.contiguous();
  const auto* const data = c.const_data_ptr<double>();
  return std::all_of(data, data + c.numel(), is_single);
}

// c s of each matrix, c [b] float64: in s's own precision, float32 at least, where it holds c. On a
// device, whose numbers the host does not ask for, by two factors between which no number leaves
// the range that s and c s are in.
at::Tensor scaled(const at::Tensor& s, const at::Tensor& c) {
  if (s.scalar_type() == at::kDouble) return s * per_matrix(c, s);
  const auto wide = widened(s);
  if (!c.is_cpu()) {
    const auto power = power_of_two(c.abs().sqrt());
    return wide * per_matrix(c / power, wide) * per_matrix(power, wide);
  }
  return all_single(c) ? wide * per_matrix(c, wide) : s.to(at::kDouble) * c.view({-1, 1, 1});
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
  const bool wide = s.scalar_type() == at::kDouble;
  if (number && is_scalar_of(coefficient.number, s.scalar_type())) {
    piece.add_(block.unmatrices(s, piece), -coefficient.number);
  } else if (number) {
    piece.sub_(block.unmatrices(s.to(at::kDouble) * coefficient.number, piece));
  } else if (block.batch == 1 && (wide || (c.is_cpu() && all_single(c) && !is_half(s)))) {
    // A 0-dim factor: as fast and as exact as a host scalar.
    piece.addcmul_(block.unmatrices(s, piece), c.to(s.scalar_type()).reshape({}), -1);
  } else {
    piece.sub_(block.unmatrices(scaled(s, c), piece));
  }
}

}  // namespace steepest
