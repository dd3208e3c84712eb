// SPDX-License-Identifier: Apache-2.0
#include "steepest/norm.h"

#include <ATen/ATen.h>

namespace steepest {

// Returns the direction, in this dtype where it has to be multiplied out of its factors.
at::Tensor Measured::matrices(at::ScalarType dtype) const {
  if (direction.defined()) return direction;
  return at::bmm(factors.left, factors.right.mT()).to(dtype);
}

// Returns the direction without the dual. This default measures both.
Measured Norm::direction(const Batch& m, const NormContext& context) const {
  auto measured = steepest(m.matrices, context);
  measured.dual = at::Tensor();
  return measured;
}

// Returns dual * direction in two parts. This default measures both.
Sharp Norm::sharp(const at::Tensor& m, const NormContext& context) const {
  const auto measured = steepest(m, context);
  return {measured.matrices(m.scalar_type()), measured.dual, measured.factors};
}

// Lists what a norm keeps for each matrix from step to step: nothing, unless it says otherwise.
std::vector<Slot> Norm::slots(int64_t, int64_t) const { return {}; }

// Takes gradients into the slots: only adaptive norms have any.
void Norm::observe(const at::Tensor&, const Average&, const NormContext&) const {}

}  // namespace steepest
