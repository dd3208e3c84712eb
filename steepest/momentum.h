// SPDX-License-Identifier: Apache-2.0
// Momentum is one linear map, applied to the gradient and, under Momo, to the loss, to <g, w> and
// to the number 1 alike:
//   m <- keep m + take x,     u = carry m + look x      (u: what the norm is given)
//   EMA         keep = b, take = 1 - b;           Nesterov  carry = c, look = 1 - c
//   heavy ball  keep = b, take = 1 - dampening;   Nesterov  carry = c, look = 1
// with c = b unless nesterov_momentum says otherwise. Lion (arXiv 2302.06675), whose direction is
// sign(b1 m + (1 - b1) g) of the m before the step, which then takes g by b2, is the EMA of b = b2
// with c = b1 / b2:  c (b2 m + (1 - b2) g) + (1 - c) g = b1 m + (1 - b1) g.
// Under error feedback keep = 1: what the step has used is taken away after it.
#pragma once

#include <ATen/core/Tensor.h>

#include "steepest/kernels/kernels.h"
#include "steepest/recipe.h"

namespace steepest {

// The numbers of m <- keep m + take x, u = carry m + look x.
struct MomentumMap {
  double keep = 0, take = 1, carry = 1, look = 0;
  // Whether u, what the norm is given, is another than m: Nesterov's look-ahead.
  bool looks_ahead() const { return look != 0; }
};

// Returns the momentum map of a step at which the momentum is b = `momentum`, from 0 to below 1, by
// the choices of a group. `first` says that the state sees its first gradient, which with the start
// `first` makes the momentum alone.
MomentumMap momentum_map(const Choices& choices, double momentum, bool first);

// Returns rho, the sum of the weights that u gives to the gradients so far, with the start
// `corrected`, where u / rho is their mean; 1 with any other. `step` counts from 1. The map's carry
// and look have their part in it.
double momentum_correction(const Choices& choices, double momentum, int64_t step);

// Computes m <- keep m + take x in place; x has m's shape and dtype. The evaluation is torch's:
// lerp for an EMA, mul and add for a heavy ball.
void advance(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
             const Kernels& kernels);

// Returns u = carry m + look x, what the norm is given, of m's shape, for an m that has taken x: in
// `out` where that is defined; where it is not, in new memory, or m itself where u = m.
at::Tensor look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                      const at::Tensor& out = {});

// Does advance() on m in place and returns what look_ahead() does, in `out` where that is defined:
// in one pass over memory where the device has a kernel for it.
at::Tensor advance_and_look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                                  const Kernels& kernels, const at::Tensor& out = {});

}  // namespace steepest
