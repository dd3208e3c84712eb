// SPDX-License-Identifier: Apache-2.0
#include "steepest/norm.h"

namespace steepest {

at::Tensor Norm::direction(const at::Tensor& m, const NormContext& context) const {
  return steepest(m, context).direction;
}

Sharp Norm::sharp(const at::Tensor& m, const NormContext& context) const {
  const auto [direction, dual] = steepest(m, context);
  return {direction, dual};
}

int64_t Norm::warm_columns(int64_t, int64_t) const { return 0; }

void Norm::observe(const at::Tensor&, std::vector<at::Tensor>&, double, double) const {}

}  // namespace steepest
