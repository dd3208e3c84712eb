// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/apply.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/base/tensor.h"
#include "steepest/engine/state_batch.h"

namespace steepest::engine {
namespace {

// Moves and decays `piece`, the block's part of the weights, in place, matrix by matrix by the
// device's kernel: matrix i by -coefficients[i] s[i], for coefficients [b] in float64 and
// directions s [b, r, c]; `move` has the decay. Returns false, with nothing done, where the
// coefficients are not on the CPU or the kernel does not take the dtype or the layout, which all
// matrices share.
bool try_fused_moves(const Block& block, const at::Tensor& piece, const at::Tensor& s,
                     const at::Tensor& coefficients, DecayedMove move, const Kernels& kernels) {
  if (!coefficients.is_cpu() || !block.has_contiguous_matrices() || !piece.is_contiguous())
    return false;
  const auto factors = coefficients.contiguous();
  const auto w = block.matrices_of(piece);
  for (int64_t i = 0; i < block.batch; ++i) {
    move.coefficient = factors.const_data_ptr<double>()[i];
    if (!kernels.apply(w[i], s[i], move)) return false;
  }
  return true;
}

// Whether s is in float16 or bfloat16, to which a coefficient would be rounded too coarsely.
bool is_half(const at::Tensor& s) { return s.element_size() < 4; }

// Whether all of these coefficients, in float64 on the CPU, are in the range of float32.
bool fit_float32(const at::Tensor& coefficients) {
  const auto c = coefficients.contiguous();
  const auto* const data = c.const_data_ptr<double>();
  return std::all_of(data, data + c.numel(), is_in_float32_range);
}

// Returns c s of the matrices s [b, r, c], for one number c or one for each matrix. The result is
// float64 where s is, where c is a number, or where it lies on the CPU and does not fit into
// float32; else float32. On an accelerator the host does not read c: s is multiplied by c in two
// factors, between which no number leaves the range that s and c s are in.
at::Tensor scaled(const at::Tensor& s, const Coefficient& coefficient) {
  const auto& c = coefficient.tensor;
  if (!c.defined()) return s.to(at::kDouble) * coefficient.number;
  if (s.scalar_type() == at::kDouble && !coefficient.power.defined()) return s * per_matrix(c, s);
  const auto wide = at_least_float32(s);
  if (c.is_cpu())
    return fit_float32(c) ? wide * per_matrix(c, wide) : s.to(at::kDouble) * c.view({-1, 1, 1});
  const auto two = coefficient.power.defined() ? coefficient : in_two_factors(c);
  return wide * per_matrix(two.tensor, wide) * per_matrix(two.power, wide);
}

// Computes piece <- piece - c s in place by ATen's operators, for the directions s [b, r, c] of the
// block's matrices and one coefficient c, or one for each matrix.
void subtract(const Block& block, at::Tensor piece, const at::Tensor& s,
              const Coefficient& coefficient) {
  const auto& c = coefficient.tensor;
  const bool number = !c.defined();
  const bool wide = s.scalar_type() == at::kDouble;
  if (number && is_scalar_of(coefficient.number, s.scalar_type())) {
    piece.add_(block.unmatrices(s, piece), -coefficient.number);
  } else if (!number && block.batch == 1 &&
             (wide || (c.is_cpu() && fit_float32(c) && !is_half(s)))) {
    // A 0-dim factor: as fast and as exact as a host scalar.
    piece.addcmul_(block.unmatrices(s, piece), c.to(s.scalar_type()).reshape({}), -1);
  } else {
    piece.sub_(block.unmatrices(scaled(s, coefficient), piece));
  }
}

// Moves the block's piece of the weights by -c s, for its directions s [b, r, c], and decays it, in
// place and in one pass over memory, by the device's kernel; `move` has the decay, and c where that
// is one number. Returns false, with nothing done, where there is no kernel for it: the caller then
// decays and moves in two passes.
bool try_fused(const Block& block, const at::Tensor& piece, const at::Tensor& s,
               const Coefficient& coefficient, const DecayedMove& move, const Kernels& kernels) {
  if (!kernels.apply) return false;
  if (coefficient.tensor.defined())
    return try_fused_moves(block, piece, s, coefficient.tensor, move, kernels);
  return kernels.apply(piece, block.unmatrices(s, piece), move);
}

// Whether the block's decay spares the entries that the step makes larger: Decay::cautious.
bool is_cautious(const StepInput& in, const Block& block) {
  return in.choices(block).decay == Decay::cautious;
}

// Returns where a cautious decay acts, as booleans of the shape of s and w: the entries with
// s w >= 0, which the step does not make larger. Signs are multiplied, as s w itself may underflow.
at::Tensor cautious_mask(const at::Tensor& s, const at::Tensor& w) {
  return (s.sign() * w.sign()).ge(0);
}

// Returns the block's piece of the weights W_0 of the first step, towards which an anchored decay
// pulls, from the one slot that such a decay keeps; undefined for other decays.
at::Tensor anchor_of(const StepInput& in, const Block& block) {
  const auto& slots = in.plan.layout_of(block).decay;
  return slots.empty() ? at::Tensor() : block.piece(in.param(block).state->slots[slots[0].index]);
}

// Decays the block's piece of the weights in place, before the step: W <- (1 - decay) W, of a
// cautious decay only where the step along s [b, r, c] leaves it to act. The pull of an anchored
// decay towards W_0 is left to apply_update.
void decay_weights(const StepInput& in, const Block& block, at::Tensor piece, const at::Tensor& s) {
  const double decay = in.decay(block), keep = 1 - decay;
  if (keep == 1) return;
  if (is_cautious(in, block)) {
    const auto mask = cautious_mask(block.unmatrices(s, piece), piece);
    piece.copy_(at::where(mask, piece * keep, piece));
  } else {
    piece.mul_(keep);
  }
}

}  // namespace

at::Tensor decaying_part(const StepInput& in, const Block& block, const at::Tensor& s) {
  const auto w = block.matrices(in.param(block).value);
  if (is_cautious(in, block)) return at::where(cautious_mask(s, w), w, 0);
  const auto anchor = anchor_of(in, block);
  return anchor.defined() ? w - block.matrices_of(anchor).to(w.scalar_type()) : w;
}

void apply_update(const StepInput& in, const Block& block, const at::Tensor& s,
                  const Coefficient& coefficient, const Kernels& kernels) {
  auto piece = block.piece(in.param(block).value);
  const double decay = in.decay(block);
  const auto& geometry = in.plan.rules_of(block).geometry;
  const auto before = geometry ? block.matrices_of(piece).clone() : at::Tensor();
  const DecayedMove move{coefficient.number, 1 - decay, is_cautious(in, block)};
  if (!try_fused(block, piece, s, coefficient, move, kernels)) {
    decay_weights(in, block, piece, s);
    subtract(block, piece, s, coefficient);
  }
  if (const auto anchor = anchor_of(in, block); anchor.defined() && decay != 0)
    piece.add_(anchor.to(piece.scalar_type()), decay);
  if (!geometry) return;
  const auto after = block.matrices_of(piece).clone();
  const auto state = geometry_state(in, block);
  geometry->retract(after, before, geometry_context(in, block, state));
  write_back(state);
  piece.copy_(block.unmatrices(after, piece));
}

Coefficient in_two_factors(const at::Tensor& c) {
  const auto power = power_of_two(c.abs().sqrt());
  return {0, c / power, power};
}

bool can_apply_together(const StepInput& in, const Bucket& bucket) {
  const auto& first = bucket.first();
  const auto& slots = in.plan.layout_of(first).decay;
  return !bucket.in_memory && bucket.blocks.size() > 1 && slots.empty() &&
         !is_cautious(in, first) && !in.plan.rules_of(first).geometry &&
         std::all_of(bucket.blocks.begin(), bucket.blocks.end(), [&](const Block* block) {
           return block->radius == first.radius && in.decay(*block) == in.decay(first);
         });
}

void apply_updates(const StepInput& in, const Bucket& bucket, const at::Tensor& s,
                   const Coefficient& coefficient) {
  const bool plain =
      !coefficient.tensor.defined() && is_scalar_of(coefficient.number, s.scalar_type());
  const auto moves = plain ? s : scaled(s, coefficient);
  std::vector<at::Tensor> pieces, parts;
  each_block(bucket, [&](const Block& block, int64_t at) {
    pieces.push_back(block.piece(in.param(block).value));
    parts.push_back(block.unmatrices(moves.narrow(0, at, block.batch), pieces.back()));
  });
  const double keep = 1 - in.decay(bucket.first());
  if (keep != 1) at::_foreach_mul_(pieces, keep);
  at::_foreach_add_(pieces, parts, plain ? -coefficient.number : -1.0);
}

}  // namespace steepest::engine
