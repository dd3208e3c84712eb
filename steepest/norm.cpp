// SPDX-License-Identifier: Apache-2.0
#include "steepest/norm.h"

#include <ATen/ATen.h>

namespace steepest {

at::Tensor Measured::matrices(at::ScalarType dtype) const {
  if (direction.defined()) return direction;
  return at::bmm(factors.left, factors.right.mT()).to(dtype);
}

Measured Norm::direction(const Batch& m, const NormContext& context) const {
  auto measured = steepest(m.matrices, context);
  measured.dual = at::Tensor();
  return measured;
}

Sharp Norm::sharp(const at::Tensor& m, const NormContext& context) const {
  const auto measured = steepest(m, context);
  return {measured.matrices(m.scalar_type()), measured.dual, measured.factors};
}

std::vector<Slot> Norm::slots(int64_t, int64_t) const { return {}; }

void Norm::observe(const at::Tensor&, const Average&, const NormContext&) const {}

}  // namespace steepest
