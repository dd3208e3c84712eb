// SPDX-License-Identifier: Apache-2.0
// What the adaptive norms share: v = running mean of g^2, and the metric a = sqrt(v) + eps.
#pragma once

#include <ATen/core/Tensor.h>

#include "steepest/norm.h"

namespace steepest::norms {

class Adaptive : public Norm {
 public:
  // One slot of the matrix' own shape, for v, which begins with zeros.
  std::vector<Slot> slots(int64_t, int64_t) const override { return {{"exp_avg_sq"}}; }
  // v <- keep v + take g^2 in the slot, for the gradients g [B, r, c] in its dtype.
  void observe(const at::Tensor& g, const Average& average,
               const NormContext& context) const override;

 protected:
  // m / a of m [B, r, c] in float32 at least, and 0 where m is 0 (also where a is), with v and eps
  // from the context. The bias correction is placed as in torch, a = sqrt(v) / sqrt(1 - beta2^t) +
  // eps, so that Adam is reproduced to rounding.
  static at::Tensor preconditioned(const at::Tensor& m, const NormContext& context);
};

}  // namespace steepest::norms
