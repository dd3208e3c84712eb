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

// `gradient` = <g, w>, `look` = <u, w> and, with lr_auto, `back` = <u, w_0 - w> of a parameter,
// summed over its blocks, 0-dim float64, for w as it is before the step and the first weights w_0;
// the recursive model needs none.
struct Products {
  at::Tensor gradient, look, back;
};

// The sums over the parameters of what Momo's model adds to the averaged loss, 0-dim float64.
struct LinearParts {
  at::Tensor here;    // at the weights: see linear_part()
  at::Tensor origin;  // at w_0, of the parameters with a gradient; undefined without lr_auto
};

// Returns the bias correction by which Momo's model divides the sums of a parameter with this
// state.
double correction_of(const StepInput& in, const ParamState& state);

// Returns the intercept that Momo's model keeps of a parameter: 0 before its first step.
at::Tensor& intercept_of(const Param& param);

// Returns h_l = <u, w> - (momentum of <g, w>), which this parameter adds to Momo's model of the
// loss, divided by its bias correction, 0-dim float64, and updates state.intercept. Its momentum
// must have advanced by `map`. What the intercept is depends on momo_model: inner_products: the
// momentum of <g, w>; recursive: <m, w> minus that, which every step changes by <m, dw> and which
// needs no `products`.
at::Tensor linear_part(const StepInput& in, const MomentumMap& map, const Param& param,
                       const Products& products);
// Returns <m, w> of a parameter's momentum and weights, 0-dim float64.
at::Tensor product_with_momentum(const Param& param);
// Returns h_l, as linear_part() does, of a parameter without a gradient: from its intercept, and
// `product`, <m, w> of its momentum, which the recursive model does not need. They stay as they
// are.
at::Tensor frozen_part(const StepInput& in, const Param& param, const at::Tensor& product);

// What Momo's step size is made from.
struct StepSizeInput {
  const StepInput& in;
  at::Tensor loss;  // one number of any dtype and device
  LinearParts linear;
  at::Tensor dual;  // 0-dim float64, D, the dual norm of the network
};

struct Size {
  at::Tensor q;    // 0-dim float64
  at::Tensor gap;  // f~ - f*, before it is cut at 0
};

// Returns Momo's factor q of this step, from 0 to 1, and the gap f~ - f* of the averaged loss above
// its lower bound f*: q is min(1, gap / D) in a constrained step and min(1, gap / D^2) in a
// regularized one, D being the network's dual norm. With lr_auto the 1 is the length that
// auto_length() finds, and q may be larger. Advances the averages and, where it is tracked, f* in
// `global`.
Size momo_size(const StepSizeInput& input, GlobalState& global);

}  // namespace steepest::engine
