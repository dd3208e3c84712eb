// SPDX-License-Identifier: Apache-2.0
// In Polar Express (Amsel, Persson, Musco, Gower; arXiv 2505.16932) each step is the odd quintic
// nearest to 1 on the interval that the steps before it have left. Without the cushion it is CANS.
//
// The nearest quintic equioscillates: p(x_i) = 1 - (-1)^i E at l = x_0 < x_1 < x_2 < x_3 = u, where
// x_1 and x_2 are the zeros of p'. Remez's algorithm alternates between the linear system for
// (a, b, c, E) and x_1, x_2. It runs in long double, since E falls like the square of (u - l), and
// 53 bits would give the seventh entry to no more than eleven digits.
//
// Between x_1 and u the first polynomial comes down to 1 - E = p(l), about 8 l. Without a cushion
// that is .008 for l = 1e-3, while bfloat16 rounds the polynomial's terms, of size 23, by .05. A
// singular value near x_2 then changes its sign, and the later steps take it to -1. With
// max(l, cushion) >= .01 it stays positive.

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "steepest/polar/schedules.h"

namespace steepest::polar {
namespace {

using Real = long double;

struct Quintic {  // p(x) = a x + b x^3 + c x^5
  Real a, b, c;
  // Returns p(x).
  Real operator()(Real x) const { return x * (a + x * x * (b + x * x * c)); }
  // Returns the quintic k p(x).
  Quintic scaled(Real k) const { return {a * k, b * k, c * k}; }
  // Returns the quintic p(x / s), which does on [s l, s u] what p does on [l, u].
  Quintic deflated(Real s) const { return {a / s, b / (s * s * s), c / (s * s * s * s * s)}; }
};

// Whether the interval [l, u] is so narrow that the nearest quintic is within 1e-17 of 1 on it.
// nearest_to_one() then takes its limit for l -> u -> 1, as the equations for it degenerate.
bool is_narrow(Real l, Real u) { return l / u >= 1 - 5e-6L; }

// Returns the odd quintic p with p(x_i) = 1 - (-1)^i E at four points 0 < x_0 < .. < x_3, for the E
// that allows it: a step of Remez's algorithm. With p(x) = x q(x^2), q is the interpolation at t =
// x^2 of 1 / x - E (-1)^i / x by divided differences, and E makes q's cubic term vanish.
Quintic interpolate(const std::array<Real, 4>& x) {
  std::array<Real, 4> t, one, sign;  // Newton's divided differences, in place
  for (int i = 0; i < 4; ++i) {
    t[i] = x[i] * x[i];
    one[i] = 1 / x[i];
    sign[i] = (i % 2 ? -1 : 1) / x[i];
  }
  for (int order = 1; order < 4; ++order) {
    for (int i = 3; i >= order; --i) {
      one[i] = (one[i] - one[i - 1]) / (t[i] - t[i - order]);
      sign[i] = (sign[i] - sign[i - 1]) / (t[i] - t[i - order]);
    }
  }
  const Real e = one[3] / sign[3];  // makes the cubic term vanish
  const Real d0 = one[0] - e * sign[0], d1 = one[1] - e * sign[1], d2 = one[2] - e * sign[2];
  return {d0 - d1 * t[0] + d2 * t[0] * t[1], d1 - d2 * (t[0] + t[1]), d2};
}

// Returns the odd quintic nearest to 1 on [l, u], 0 < l < u, in the maximum norm, by Remez's
// algorithm: the inner points x_1, x_2 move to the extrema of p, the zeros of p', until they stay.
Quintic nearest_to_one(Real l, Real u) {
  if (is_narrow(l, u)) return {15.L / 8, -10.L / 8, 3.L / 8};
  std::array<Real, 4> x{l, (3 * l + u) / 4, (l + 3 * u) / 4, u};
  Quintic p = interpolate(x);
  for (int i = 0; i < 100; ++i) {
    const Real root = std::sqrt(9 * p.b * p.b - 20 * p.a * p.c);
    const Real x1 = std::sqrt((-3 * p.b - root) / (10 * p.c));
    const Real x2 = std::sqrt((-3 * p.b + root) / (10 * p.c));
    const Real moved = std::abs(x1 - x[1]) + std::abs(x2 - x[2]);
    x = {l, x1, x2, u};
    p = interpolate(x);
    if (moved < 1e-12L * u) break;  // quadratic: the next move is below the last bit
  }
  return p;
}

// Throws c10::ValueError where a number of the rule is out of its range.
void check_rule(const PolarExpressRule& rule) {
  TORCH_CHECK_VALUE(rule.low > 0 && rule.low < 1, "steepest::polar_express: low: received ",
                    rule.low, ", allowed (0, 1)");
  TORCH_CHECK_VALUE(rule.cushion >= 0 && rule.cushion < 1,
                    "steepest::polar_express: cushion: received ", rule.cushion,
                    ", allowed [0, 1)");
  TORCH_CHECK_VALUE(rule.safety >= 1 && rule.safety < 1.5,
                    "steepest::polar_express: safety: received ", rule.safety,
                    ", allowed [1, 1.5)");
  TORCH_CHECK_VALUE(rule.entries >= 0 && rule.entries <= 100,
                    "steepest::polar_express: entries: received ", rule.entries,
                    ", allowed 0 (as many as it takes) to 100");
  TORCH_CHECK_VALUE(rule.entries > 0 || !rule.safety_inside,
                    "steepest::polar_express: entries: received 0, allowed 1 to 100 with "
                    "safety_inside, which never reaches a fixed entry");
}

}  // namespace

// Returns the schedule of Polar Express, or CANS without a cushion, by PolarExpressRule
// (schedules.h): each entry is the quintic nearest to 1 on the interval [l, u] that those before it
// leave. Throws c10::ValueError where a number of the rule is out of its range.
Schedule polar_express(const PolarExpressRule& rule) {
  check_rule(rule);
  std::vector<Quintic> table;
  Real l = rule.low, u = 1;
  for (bool last = false; !last;) {
    const int64_t left = rule.entries - static_cast<int64_t>(table.size());
    last = rule.entries ? left == 1 : is_narrow(l, u);
    Quintic p = nearest_to_one(std::max(l, rule.cushion * u), u);
    p = p.scaled(2 / (p(l) + p(u)));
    if (rule.safety_inside && !last) p = p.deflated(rule.safety);
    table.push_back(p);
    l = p(l);
    u = 2 - l;
  }
  Schedule s{.name = "polar_express",
             .source = "Polar Express, arXiv 2505.16932",
             .safety = rule.safety,
             .low = rule.low,
             .half_width = std::max(rule.low, rule.cushion) >= .01};
  for (size_t k = 0; k < table.size(); ++k) {
    const bool deflate = !rule.safety_inside && k + 1 < table.size();
    const Quintic p = table[k].deflated(deflate ? rule.safety : 1);
    s.table.push_back({double(p.a), double(p.b), double(p.c)});
  }
  return s;
}

}  // namespace steepest::polar
