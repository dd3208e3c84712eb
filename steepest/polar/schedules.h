// SPDX-License-Identifier: Apache-2.0
// Coefficient schedules: phi_k(x) = a_k x + b_k x^3 + c_k x^5, applied one after another to the
// singular values of a matrix so that they approach 1 (Muon; Polar Express, arXiv 2505.16932).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "steepest/kernels/iteration.h"

namespace steepest::polar {

struct Schedule {
  std::string name;
  std::string source;
  std::vector<PolynomialCoefficients> table;  // one for each step; beyond its end the last repeats
  double safety = 1;         // starts at sigma / safety, which leaves room for rounding above 1
  double low = 0, high = 1;  // made for sigma in (low, high], see schedules.cpp
  int64_t steps = 5;         // unless the caller says otherwise
  bool half_width = true;    // false: not for bfloat16 or float16, see polar_express.cpp

  // Returns the polynomial of step k, which counts from 0; beyond the table's end it is the last
  // one.
  const PolynomialCoefficients& at(int64_t k) const;
  // Returns the polynomials of the first `steps` steps, at(0) .. at(steps - 1).
  std::vector<PolynomialCoefficients> first(int64_t steps) const;
  // Returns what so many steps make of a singular value of x / |x|_F: phi_steps(... phi_1(sigma /
  // safety)).
  double apply(double sigma, int64_t steps) const;
  // Returns max |1 - apply(sigma, steps)| over sigma in [l, 1], in exact arithmetic.
  double error(double l, int64_t steps) const;
};

// Returns the names that named_schedule() knows: "jordan", "baseline", "cubic", "quintic", "you",
// "polar_express", "cans", "cubic5".
std::vector<std::string> schedule_names();
// Returns the published schedule of that name; throws c10::ValueError where there is none.
Schedule named_schedule(const std::string& name);

// The rule that generates Polar Express. It begins with l = low and u = 1, and each step
//   takes the odd quintic p that equioscillates around 1 on [max(l, cushion u), u],
//   scales it by 2 / (p(l) + p(u)), so that p(l) and p(u) lie symmetrically around 1,
//   and goes on with l <- p(l), u <- 2 - l.
struct PolarExpressRule {
  double low = 1e-3;                     // the smallest singular value it aims at
  double cushion = 0.02407327424182761;  // 0: the uncushioned rule, which is CANS (2506.10935)
  double safety = 1.01;                  // s in (a / s, b / s^3, c / s^5), all entries but the last
  int64_t entries = 0;                   // 0: up to the fixed entry (15/8, -10/8, 3/8)
  bool safety_inside = false;            // whether l and u follow the divided polynomials
};
// The schedule that the rule makes; throws c10::ValueError where a number of it is out of its
// range.
Schedule polar_express(const PolarExpressRule& rule = {});

// The rule of minimax cubics: it begins with l = low and u = 1, and each of the steps takes the odd
// cubic nearest to 1 on [l, u] and goes on with l <- p(l), u <- 2 - l. No other composition of so
// many odd cubics has a smaller error on [low, 1] (arXiv 2505.16932). A cubic step has
// two products where a quintic has three. safety: sigma / safety begins.
// Throws c10::ValueError for low outside (0, 1), steps outside 1 to 100, safety outside [1, 1.5).
Schedule minimax_cubic(double low, int64_t steps, double safety = 1.05);
// The schedule of that rule, for the smallest `low` whose values end in the band [band_low,
// band_high], 0 < band_low <= 1 <= band_high < 10: that with the steepest slope at 0. Throws
// c10::ValueError for another band, and as minimax_cubic() does.
Schedule search_cubic(double band_low, double band_high, int64_t steps, double safety = 1.05);

// Returns max |1 - f(x)| over x in [low, high], 0 <= low < high, by a logarithmic grid of 20,000
// points, whose local maxima are refined by golden sections. f is what an iteration makes of a
// singular value.
double max_error(const std::function<double(double)>& f, double low, double high);

}  // namespace steepest::polar
