// SPDX-License-Identifier: Apache-2.0
// The step size's factor q: 1, or Momo's truncated model ("Momo", arXiv 2305.07583; for any norm
// "Non-Euclidean Gradient Descent", arXiv 2510.09827):
//   q = min(1, (f~ - f*)+ / D) constrained,   min(1, (f~ - f*)+ / D^2) regularized,   1 where D =
//   0,
// with f~ - f* = F + <u, w> - rho f*, where (u, F, rho) is the momentum of (g, f - <g, w>, 1).
// Written block by block, F + <u, w> = f_u + sum_l h_l with h_l = <u_l, w_l> - (<g, w>_l)_u. A
// block without a gradient keeps its m and its intercept (<g, w>_l), so its h_l.
#pragma once

#include "steepest/engine/step_input.h"

namespace steepest::engine {

// <g, w> and <u, w> of a parameter, 0-dim float64; the recursive model needs neither.
struct Products {
  at::Tensor gradient, look;
};

// Returns h_l of this step, 0-dim float64, for one parameter whose momentum has just advanced, and
// updates its state.intercept, which is by momo_model:
//   inner_products  the momentum of <g, w>
//   recursive       <m, w> - (momentum of <g, w>) itself, which moves by <m, dw> with every step
at::Tensor linear_part(const StepInput& in, const MomentumMap& map, const Param& param,
                       const Products& products);
// Returns h_l of a parameter without a gradient, whose momentum and intercept stay as they are.
at::Tensor frozen_part(const StepInput& in, const Param& param);

struct StepSizeInput {
  const StepInput& in;
  at::Tensor loss;    // 0-dim
  at::Tensor linear;  // sum of the h_l
  at::Tensor dual;    // D
};

struct Size {
  at::Tensor q;    // 0-dim float64
  at::Tensor gap;  // f~ - f*, before it is cut at 0
};

// Returns Momo's q of this step, and advances the averages and f* in `global`.
Size momo_size(const StepSizeInput& input, GlobalState& global);

}  // namespace steepest::engine
