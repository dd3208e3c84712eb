// SPDX-License-Identifier: Apache-2.0
#include "steepest/momentum.h"

#include <ATen/ATen.h>

#include <cmath>

namespace steepest {

MomentumMap momentum_map(const Choices& c, double momentum, bool first) {
  if (momentum == 0) return {};
  const bool ema = c.form == MomentumForm::ema;
  MomentumMap map{.keep = c.error_feedback ? 1 : momentum,
                  .take = ema ? 1 - momentum : 1 - c.dampening};
  if (first && c.start == MomentumStart::first) map.keep = 0, map.take = 1;
  if (!c.nesterov) return map;
  map.carry = c.nesterov_momentum.value_or(momentum);
  map.look = ema ? 1 - map.carry : 1;
  return map;
}

double momentum_correction(const Choices& c, double momentum, int64_t step) {
  if (c.start != MomentumStart::corrected || momentum == 0) return 1;
  const auto map = momentum_map(c, momentum, false);
  return map.carry * (1 - std::pow(momentum, static_cast<double>(step))) + map.look;
}

void advance(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
             const Kernels& kernels) {
  if (map.keep == 0 && map.take == 1) {
    m.copy_(x);
  } else if (map.keep + map.take == 1) {
    m.lerp_(x, map.take);
  } else if (!kernels.apply || !kernels.apply(m, x, {-map.take, map.keep})) {
    m.mul_(map.keep).add_(x, map.take);
  }
}

at::Tensor look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                      const at::Tensor& out) {
  at::Tensor u = out;
  if (!map.looks_ahead()) return out.defined() ? u.copy_(m) : m;
  if (!out.defined()) u = at::empty_like(m);
  return map.look == 1 ? at::add_out(u, x, m, map.carry) : at::lerp_out(u, x, m, map.carry);
}

at::Tensor advance_and_look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                                  const Kernels& kernels, const at::Tensor& out) {
  const bool two_lerps = map.look != 0 && map.look != 1 && map.carry + map.look == 1 &&
                         map.keep + map.take == 1 && map.keep > 0;
  if (two_lerps && kernels.advance) {
    const auto u = out.defined() ? out : at::empty_like(m);
    if (kernels.advance(m, x, u, map.take, map.carry)) return u;
  }
  advance(m, x, map, kernels);
  return look_ahead(m, x, map, out);
}

}  // namespace steepest
