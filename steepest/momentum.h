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
  // Whether u, what the norm is given, differs from m, as with Nesterov momentum.
  bool looks_ahead() const { return look != 0; }
};

// Returns the numbers of this step's m <- keep m + take x and u = carry m + look x, for a group's
// choices and the momentum factor `momentum`, from 0 to below 1. `first`: whether the state sees
// its first gradient, which then replaces m where choices.start is `first`.
MomentumMap momentum_map(const Choices& choices, double momentum, bool first);

// Returns rho, for which u / rho is a mean of the gradients so far, as in Adam: where choices.start
// is `corrected` the sum of the weights that u gives to them, by the map's carry and look too; 1
// with any other start, where u is taken as it is. `step` counts from 1.
double momentum_correction(const Choices& choices, double momentum, int64_t step);

// Computes m <- keep m + take x in place; x has m's shape and dtype. The operators are those that
// torch's optimizers use, for the same bits: lerp for an EMA, mul and add for a heavy ball.
void advance(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
             const Kernels& kernels);

// Returns u = carry m + look x, of m's shape, which the norm turns into a direction; m has been
// through advance() with x already. u is written to `out` where that is defined; else it is in new
// memory, or m itself where u = m.
at::Tensor look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                      const at::Tensor& out = {});

// Does advance() on m in place and returns u as look_ahead() does, in `out` where that is defined:
// in one pass over memory where the device has a kernel for it.
at::Tensor advance_and_look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                                  const Kernels& kernels, const at::Tensor& out = {});

}  // namespace steepest
