// SPDX-License-Identifier: Apache-2.0
// The odd cubic p(x) = a x + b x^3 nearest to 1 on [l, u] equioscillates at l, at its maximum and
// at u (J. Chen, E. Chow 2014; CANS, arXiv 2506.10935): p(l) = p(u) = 1 - E, p(x_1) = 1 + E.
//   p(l) = p(u) gives a = -b (u^2 + u l + l^2), so that x_1 = sqrt(-a / 3 b) = 1 / k with
//   k = sqrt(3 / (u^2 + u l + l^2)); with p(x) = h (3 k x - (k x)^3) / 2 the maximum is h = 1 + E,
//   p(l) = h k^3 u l (u + l) / 2, and p(l) + h = 2 gives h = 4 / (2 + k^3 u l (u + l)).

#include <c10/util/Exception.h>

#include <cmath>

#include "steepest/polar/schedules.h"

namespace steepest::polar {
namespace {

// Returns the odd cubic nearest to 1 on [l, u], 0 < l < u, in the maximum norm.
PolynomialCoefficients nearest_cubic(double l, double u) {
  const double k = std::sqrt(3 / (u * u + u * l + l * l));
  const double h = 4 / (2 + k * k * k * u * l * (u + l));
  return {1.5 * h * k, -.5 * h * k * k * k, 0};
}

// Returns the table of the rule from [low, 1] on, one entry for each step.
std::vector<PolynomialCoefficients> cubics(double low, int64_t steps) {
  std::vector<PolynomialCoefficients> table;
  double l = low, u = 1;
  for (int64_t k = 0; k < steps; ++k) {
    table.push_back(nearest_cubic(l, u));
    l = table.back()(l), u = 2 - l;
  }
  return table;
}

// Returns max |1 - sigma'| of the rule's table over [low, 1]: what its last cubic leaves at the
// ends of its interval.
double error_of(double low, int64_t steps) {
  double sigma = low;
  for (const auto& p : cubics(low, steps)) sigma = p(sigma);
  return 1 - sigma;
}

// Throws c10::ValueError unless the number of steps and the safety factor are in range.
void check_rule(int64_t steps, double safety) {
  TORCH_CHECK_VALUE(steps >= 1 && steps <= 100, "steepest::minimax_cubic: steps: received ", steps,
                    ", allowed 1 to 100");
  TORCH_CHECK_VALUE(safety >= 1 && safety < 1.5, "steepest::minimax_cubic: safety: received ",
                    safety, ", allowed [1, 1.5)");
}

}  // namespace

Schedule minimax_cubic(double low, int64_t steps, double safety) {
  check_rule(steps, safety);
  TORCH_CHECK_VALUE(low > 0 && low < 1, "steepest::minimax_cubic: low: received ", low,
                    ", allowed (0, 1)");
  return {.name = "minimax_cubic",
          .source = "J. Chen, E. Chow 2014",
          .table = cubics(low, steps),
          .safety = safety,
          .low = low,
          .steps = steps};
}

Schedule search_cubic(double band_low, double band_high, int64_t steps, double safety) {
  const double low = band_low, high = band_high;
  check_rule(steps, safety);
  TORCH_CHECK_VALUE(0 < low && low <= 1 && 1 <= high && low < high && high < 10,
                    "steepest::search_cubic: band: received [", low, ", ", high,
                    "], allowed 0 < low <= 1 <= high < 10, low < high");
  const double allowed = (high - low) / (high + low);  // the error of the band over its middle
  double below = 1e-12, above = 1;                     // error_of falls as its interval shrinks
  for (int i = 0; i < 100; ++i) {
    const double middle = std::sqrt(below * above);
    (error_of(middle, steps) > allowed ? below : above) = middle;
  }
  auto schedule = minimax_cubic(above, steps, safety);
  auto& last = schedule.table.back();
  const double centre = (low + high) / 2;
  last = {last.a * centre, last.b * centre, 0};
  return schedule;
}

}  // namespace steepest::polar
