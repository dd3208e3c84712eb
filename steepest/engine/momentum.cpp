// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/momentum.h"

#include "steepest/base/tensor.h"
#include "steepest/engine/finite.h"
#include "steepest/engine/fused.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace steepest {

MomentumMap momentum_map(const Choices& c, bool first) {
  if (c.momentum == 0) return {};
  const double b = c.momentum;
  const bool ema = c.form == Form::ema;
  MomentumMap map{.keep = c.error_feedback ? 1 : b, .take = ema ? 1 - b : 1 - c.dampening};
  if (first && c.start == Start::first) map.keep = 0, map.take = 1;
  if (c.nesterov) map.carry = b, map.look = ema ? 1 - b : 1;
  return map;
}

double momentum_correction(const Choices& c, int64_t step) {
  if (c.start != Start::corrected || c.momentum == 0) return 1;
  const auto map = momentum_map(c, false);
  return map.carry * (1 - std::pow(c.momentum, static_cast<double>(step))) + map.look;
}

void advance(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map) {
  if (map.keep == 0 && map.take == 1) {
    m.copy_(x);
  } else if (map.keep + map.take == 1) {
    m.lerp_(x, map.take);
  } else {
    if (!fused_update(m, x, map.keep, -map.take)) m.mul_(map.keep).add_(x, map.take);
  }
}

namespace {

at::Tensor projected(const at::Tensor& wide, const at::Tensor& s, const at::Tensor& v) {
  if (!v.defined()) {
    const auto u = s.to(wide.scalar_type());
    return at::bmm(u, at::bmm(u.mT(), wide));
  }
  const auto right = v.to(wide.scalar_type());
  return at::bmm(at::bmm(wide, right), right.mT());
}

}  // namespace

at::Tensor used_part(const at::Tensor& m, const at::Tensor& s, const at::Tensor& v) {
  constexpr double kMost = 0x1p60;  // sums of numbers below it are in range
  const auto wide = m.to(at::promote_types(m.scalar_type(), at::kFloat));
  if (wide.is_cpu() && !(largest_magnitudes({wide})[0] > kMost)) return projected(wide, s, v);
  const auto size =
      at::linalg_vector_norm(wide, std::numeric_limits<double>::infinity(), {1, 2}).to(at::kDouble);
  const auto power = per_matrix(power_of_two(size), wide);
  return projected(wide / power, s, v) * power;
}

at::Tensor look_ahead(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                      const at::Tensor& out) {
  at::Tensor u = out;
  if (map.look == 0) return out.defined() ? u.copy_(m) : m;
  if (!out.defined()) u = at::empty_like(m);
  return map.look == 1 ? at::add_out(u, x, m, map.carry) : at::lerp_out(u, x, m, map.carry);
}

at::Tensor advance_and_look(const at::Tensor& m, const at::Tensor& x, const MomentumMap& map,
                            const at::Tensor& out) {
  const bool nesterov = map.look != 0 && map.look != 1 && map.keep + map.take == 1 && map.keep > 0;
  if (nesterov) {
    const auto u = out.defined() ? out : at::empty_like(m);
    if (fused_momentum(m, x, u, map.take, map.carry)) return u;
  }
  advance(m, x, map);
  return look_ahead(m, x, map, out);
}

}  // namespace steepest
