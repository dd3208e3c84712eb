// SPDX-License-Identifier: Apache-2.0
// phi is parametrised by its fixed points 0 < p < q, where p attracts the iterates and q repels
// them:
//   phi(x) - x = c x (x^2 - p^2)(x^2 - q^2),   a = 1 + c p^2 q^2,   b = -c (p^2 + q^2).
// With x = q y only a and rho = (p / q)^2 are left, and q merely scales the limit band:
//   psi(y) = y + (a - 1) y (1 - y^2)(1 - y^2 / rho),   phi(x) = q psi(x / q).
// A band with ends m < M (in y) fits in [low, high] for some q if and only if M / m <= high / low.
// psi grows with rho for every y in (0, 1), and so does its peak: peak <= 1 - headroom bounds rho
// from above. The search therefore takes for each a the smallest M / m over the allowed rho, and
// then the largest a for which that is small enough.

#include "steepest/polar/slope_search.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace steepest::polar {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Interval {
  double low, high;
};

// Returns the x > 0, ascending, for which u + v x^2 + w x^4 = 0: none, one or two. v is not 0 where
// w is.
std::vector<double> positive_roots(double u, double v, double w) {
  std::vector<double> t;
  if (w == 0) {
    t = {-u / v};
  } else if (const double d = v * v - 4 * u * w; d >= 0) {
    t = {(-v - std::sqrt(d)) / (2 * w), (-v + std::sqrt(d)) / (2 * w)};
  }
  std::vector<double> x;
  for (double s : t)
    if (s > 0) x.push_back(std::sqrt(s));
  std::sort(x.begin(), x.end());
  return x;
}

// Returns the image f([low, high]) of the interval i, for `critical` with all x > 0 where f'(x) =
// 0: the extrema lie at these and at the ends.
Interval image(const PolynomialCoefficients& f, const std::vector<double>& critical, Interval i) {
  const double l = f(i.low), h = f(i.high);
  Interval r{std::min(l, h), std::max(l, h)};
  for (double x : critical) {
    if (x <= i.low || x >= i.high) continue;
    r = {std::min(r.low, f(x)), std::max(r.high, f(x))};
  }
  return r;
}

// Returns psi(y) = y + (a - 1) y (1 - y^2) (1 - y^2 / rho): the odd quintic with slope a at 0, the
// fixed point sqrt(rho), which attracts, and the fixed point 1, which repels. Every quintic phi to
// be searched is q psi(x / q), q being its repelling fixed point.
PolynomialCoefficients psi_of(double a, double rho) {
  return {a, -(a - 1) * (1 + 1 / rho), (a - 1) / rho};
}

// Returns the largest rho in (0, 1) for which the iterates of the quintic psi_of(a, rho), of slope
// a at 0, take no value above `top` in (0, 1). Their peak is psi's value at its first critical
// point and grows with rho: bisection, to 2^-60.
double largest_rho(double a, double top) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double rho = (low + high) / 2;
    const PolynomialCoefficients psi = psi_of(a, rho);
    const std::vector<double> critical = positive_roots(psi.a, 3 * psi.b, 5 * psi.c);
    (!critical.empty() && psi(critical[0]) <= top ? low : high) = rho;
  }
  return low;
}

// Returns the interval where the iterates of the quintic psi_of(a, rho) end, in units of its
// repelling fixed point q, y = x / q. It is the same for every q > 1: x = 1 is some y < 1, and psi
// leads from (peak, 1) down into the band too.
LimitBand scaled_band(double a, double rho) { return limit_band(psi_of(a, rho), std::sqrt(rho)); }

struct Best {
  double rho, ratio;  // ratio: M / m of the band that rho leads to
};

// Returns the smallest ratio M / m of the interval [m, M] in which iterates end, over the quintics
// psi_of(a, rho) of slope a that let no iterate above `top`, and the rho that gives it: by a grid
// of 201 rho below the largest one, refined twice around the best.
Best narrowest_band(double a, double top) {
  const double end = largest_rho(a, top);
  Best best{end, kInfinity};
  double left = .3 * end, right = end;
  for (int zoom = 0; zoom < 3; ++zoom) {
    const double step = (right - left) / 200;
    for (int i = 0; i <= 200; ++i) {
      const double rho = std::min(left + i * step, end);
      const LimitBand b = scaled_band(a, rho);
      if (b.low > 0 && b.high / b.low < best.ratio) best = {rho, b.high / b.low};
    }
    left = std::max(best.rho - step, 0.0);
    right = std::min(best.rho + step, end);
  }
  return best;
}

}  // namespace

LimitBand limit_band(const PolynomialCoefficients& phi, double start) {
  const std::vector<double> critical = positive_roots(phi.a, 3 * phi.b, 5 * phi.c);
  const std::vector<double> fixed = positive_roots(phi.a - 1, phi.b, phi.c);
  if (critical.empty() || fixed.empty()) return {0, kInfinity, kInfinity};
  double peak = start;
  for (int i = 0; i < 1000; ++i) {
    const double next = std::max(peak, image(phi, critical, {0, peak}).high);
    if (!(next < 1e6)) return {-kInfinity, kInfinity, kInfinity};
    if (next == peak) break;
    peak = next;
  }
  // Below the first maximum and the first fixed point phi(x) > x: orbits leave (0, bottom) upwards,
  // and [bottom, peak] is mapped into itself. The images are nested; their limit is the band.
  const double turn = std::min(critical[0], fixed[0]);
  const double bottom = std::min(turn, image(phi, critical, {turn, peak}).low);
  if (bottom <= 0) return {bottom, peak, peak};
  Interval band{bottom, peak};
  for (int i = 0; i < 2000; ++i) {
    const Interval next = image(phi, critical, band);
    const double change = std::abs(next.low - band.low) + std::abs(next.high - band.high);
    band = next;
    if (change < 1e-15) break;
  }
  return {band.low, band.high, peak};
}

SlopeSearch search_slope(double low, double high, double headroom) {
  TORCH_CHECK_VALUE(0 < low && low <= 1 && 1 <= high && low < high && high < 10,
                    "steepest::search_slope: band: received [", low, ", ", high,
                    "], allowed 0 < low <= 1 <= high < 10, low < high");
  TORCH_CHECK_VALUE(1e-9 <= headroom && headroom < 1, "steepest::search_slope: headroom: received ",
                    headroom, ", allowed [1e-9, 1)");
  const double top = 1 - headroom, allowed = high / low;
  double a = 5;  // no odd quintic that maps [0, 1] into itself is steeper (Chebyshev's T_5)
  while (narrowest_band(a, top).ratio > allowed) a -= .02;
  double above = a + .02;
  for (int i = 0; i < 40; ++i) {
    const double middle = (a + above) / 2;
    (narrowest_band(middle, top).ratio <= allowed ? a : above) = middle;
  }
  const Best best = narrowest_band(a, top);
  const PolynomialCoefficients psi = psi_of(a, best.rho);
  const LimitBand b = scaled_band(a, best.rho);
  // Every q in [low / m, high / M] fits. Take the middle, but above 1, so that (0, 1] stays
  // bounded.
  const double q = std::min(high / b.high, std::max(std::sqrt(low * high / (b.low * b.high)), 1.0));
  const PolynomialCoefficients phi{psi.a, psi.b / (q * q), psi.c / (q * q * q * q)};
  return {phi, limit_band(phi), q};
}

}  // namespace steepest::polar
