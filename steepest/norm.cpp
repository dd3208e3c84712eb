// SPDX-License-Identifier: Apache-2.0
#include "steepest/norm.h"

#include <ATen/ATen.h>

namespace steepest {

// Returns the direction [B, r, c]: as it is, or, where the norm has given only its factors, their
// product left right^T in this dtype.
at::Tensor Measured::matrices(at::ScalarType dtype) const {
  if (direction.defined()) return direction;
  return at::bmm(factors.left, factors.right.mT()).to(dtype);
}

// Returns the direction of m without its dual, which is undefined: what steps need that use no
// dual. This default measures both; a norm to which the dual is extra work overrides it.
Measured Norm::direction(const Batch& m, const NormContext& context) const {
  auto measured = steepest(m.matrices, context);
  measured.dual = at::Tensor();
  return measured;
}

// Returns dual * direction of m [B, r, c] in two parts, the direction and the factor [B]. This
// default measures both; a norm that has the product without a division overrides it.
Sharp Norm::sharp(const at::Tensor& m, const NormContext& context) const {
  const auto measured = steepest(m, context);
  return {measured.matrices(m.scalar_type()), measured.dual, measured.factors};
}

// Lists what a norm keeps for each matrix [rows, cols] from step to step: nothing, in this default.
std::vector<Slot> Norm::slots(int64_t, int64_t) const { return {}; }

// Takes a step's gradients into the slots: nothing to do in this default, as only adaptive norms
// have statistics.
void Norm::observe(const at::Tensor&, const at::Tensor&, const Average&, const NormContext&) const {
}

}  // namespace steepest
