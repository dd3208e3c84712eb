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

struct MomentumMap {
  double keep = 0, take = 1, carry = 1, look = 0;
  bool looks_ahead() const { return look != 0; }  // else u = m
};

// Returns the momentum map of a step at which the momentum is b = `momentum`; `first` says that the
// state sees its first gradient.
MomentumMap momentum_map(const Choices& choices, double momentum, bool first);

// Returns the sum of the weights that u gives to the gradients so far: 1 unless the start is
// `corrected`, where u / correction is the mean. step counts from 1.
double momentum_correction(const Choices& choices, double momentum, int64_t step);

// Computes m <- keep m + take x in place; x is in m's dtype. The evaluation is torch's: lerp for an
// EMA, mul and add for a ball.
void advance(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
             const Kernels& kernels);

// Returns u = carry m + look x, of m's shape: in `out` where that is defined, and m itself where it
// is not and u = m.
at::Tensor look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                      const at::Tensor& out = {});

// Advances m in place and returns its u: in one pass over memory where the device has a kernel for
// it.
at::Tensor advance_and_look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                                  const Kernels& kernels, const at::Tensor& out = {});

}  // namespace steepest
