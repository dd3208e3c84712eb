// SPDX-License-Identifier: Apache-2.0
// What the adaptive norms share: v = running mean of g^2, and the metric a = sqrt(v) + eps.
#pragma once

#include <ATen/core/Tensor.h>

#include "steepest/norm.h"
#include "steepest/norms/listed.h"

namespace steepest::norms {

class Adaptive : public Norm, public ListedEntries {
 public:
  // Asks for one slot of the matrix' own shape: v, the running mean of the gradients' squares,
  // which begins with zeros.
  std::vector<Slot> slots(int64_t, int64_t) const override { return {{"exp_avg_sq"}}; }
  // Takes a step's gradients g [B, r, c], of v's dtype, into the slot, in place: v <- keep v + take
  // g^2, with the numbers of `average`.
  void observe(const at::Tensor& g, const at::Tensor&, const Average& average,
               const NormContext& context) const override;
  // Does the same of a list.
  void observe_each(const TensorList& g, const Average& average,
                    const ListedContext& context) const override;
  // Returns u / a of a list, with a in memory of the arena. It is what both norms move by.
  Fractions directions_of_each(const TensorList& u, const ListedContext& context,
                               Arena& arena) const override;

 protected:
  // Returns m / a for m [B, r, c], in float32 at least, with v and eps from the context; 0 where m
  // is 0, even where a is 0 too. Adam's bias correction is placed as in torch, a = sqrt(v) / sqrt(1
  // - beta2^t) + eps, so that Adam is reproduced to rounding.
  static at::Tensor preconditioned(const at::Tensor& m, const NormContext& context);
};

// Returns s = x / dual and dual = sqrt<m, x> of each matrix of m [B, r, c] in a quadratic norm
// |x|^2 = <x, A x>, for x = A^-1 m, which is dual times s.
Measured measured_by(const at::Tensor& m, const at::Tensor& x);

}  // namespace steepest::norms
