// SPDX-License-Identifier: Apache-2.0
// Momentum is one linear map, applied to the gradient and, under Momo, to the loss, to <g, w> and
// to the number 1 alike:
//   m <- keep m + take x,     u = carry m + look x      (u: what the norm is given)
//   EMA         keep = b, take = 1 - b;           Nesterov  carry = b, look = 1 - b
//   heavy ball  keep = b, take = 1 - dampening;   Nesterov  carry = b, look = 1
// With error feedback (Dion, arXiv 2504.05295) a low-rank step takes away what it has used:
//   m <- m + take x,     u = m,     after the step of s(u):  m <- m - (1 - b) P_k m
// where P_k m is the part of m in its k leading triplets. That part fades as under momentum, the
// rest waits for its turn.
#pragma once

#include <ATen/core/Tensor.h>

#include "steepest/recipe.h"

namespace steepest {

struct MomentumMap {
  double keep = 0, take = 1, carry = 1, look = 0;
  bool stateless() const { return keep == 0 && take == 1 && look == 0; }  // u = x
};

// first: this is the state's first gradient.
MomentumMap momentum_map(const Choices& choices, bool first);

// The sum of the weights that u gives to the gradients so far: 1 unless the start is `corrected`,
// where u / correction is the mean. step counts from 1.
double momentum_correction(const Choices& choices, int64_t step);

// In place on m; x in m's dtype. The evaluation is torch's: lerp for an EMA, mul and add for a
// ball.
void advance(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map);

// P_k m for m [B, r, c] and its direction s = U V^T: m V V^T where the right vectors v [B, c, k]
// are at hand, else s s^T m. A new tensor, in float32 at least.
at::Tensor used_part(const at::Tensor& m, const at::Tensor& s, const at::Tensor& v);

// u, of m's shape; into `out` where that is defined.
at::Tensor look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                      const at::Tensor& out = {});
// Both: in one pass over memory where that is possible.
at::Tensor advance_and_look(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                            const at::Tensor& out = {});

}  // namespace steepest
