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
// Returns the limit band of phi: the interval [low, high] in which the iterates of every x in (0,
// start] end, and the largest value, `peak`, on their way there. high and peak are infinite where
// they diverge, and low is 0 or less where they vanish or change sign.
LimitBand limit_band(const PolynomialCoefficients& phi, double start = 1);

struct SlopeSearch {
  PolynomialCoefficients phi;  // phi.a is the slope
  LimitBand band;
  double escape;  // the repelling fixed point, above which an iterate diverges
};

// Returns the odd quintic phi with the largest slope at 0 whose iterates, from (0, 1], all end in
// [low, high], 0 < low <= 1 <= high < 10, low < high; with it the band in which they end and the
// fixed point above which they diverge. headroom, in [1e-9, 1), keeps the largest value on the way
// that part below this point, or one rounding error might diverge. Throws c10::ValueError for other
// arguments.
SlopeSearch search_slope(double low, double high, double headroom = 1e-6);

}  // namespace steepest::polar
