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

  const PolynomialCoefficients& at(int64_t k) const;
  std::vector<PolynomialCoefficients> first(int64_t steps) const;  // at(0) .. at(steps - 1)
  // phi_steps(... phi_1(sigma / safety)).
  double apply(double sigma, int64_t steps) const;
  // max |1 - apply(sigma, steps)| over sigma in [l, 1], in exact arithmetic.
  double error(double l, int64_t steps) const;
};

// "jordan", "baseline", "cubic", "quintic", "you", "polar_express", "cans".
std::vector<std::string> schedule_names();
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
Schedule polar_express(const PolarExpressRule& rule = {});

// max |1 - f(x)| for x in [low, high], by a dense logarithmic grid and golden sections.
double max_error(const std::function<double(double)>& f, double low, double high);

}  // namespace steepest::polar
