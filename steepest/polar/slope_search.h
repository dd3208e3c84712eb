// SPDX-License-Identifier: Apache-2.0
// The largest slope a that phi(x) = a x + b x^3 + c x^5 may have at 0 if its iterates are to end
// near 1 ("Muon: An optimizer for hidden layers", K. Jordan 2024, Tuning the coefficients).
#pragma once

#include "steepest/polar/schedules.h"

namespace steepest::polar {

// An enclosure of where the iterates of every x in (0, start] end: the largest interval [low, high]
// with phi([low, high]) = [low, high] that they enter and cannot leave. On the way they take no
// value above `peak`. high = peak = infinity where they diverge, low < 0 where they change sign.
struct LimitBand {
  double low, high, peak;
};
LimitBand limit_band(const PolynomialCoefficients& phi, double start = 1);

struct SlopeSearch {
  PolynomialCoefficients phi;  // phi.a is the slope
  LimitBand band;
  double escape;  // the repelling fixed point, above which an iterate diverges
};

// The largest slope whose limit band lies in [low, high], 0 < low <= 1 <= high, low < high.
// Without headroom the optimum has peak = escape, where one rounding error is fatal; headroom, in
// [1e-9, 1), demands peak <= (1 - headroom) * escape.
SlopeSearch search_slope(double low, double high, double headroom = 1e-6);

}  // namespace steepest::polar
