// SPDX-License-Identifier: Apache-2.0
// The published tables, and the error of a composition phi_n(... phi_1(sigma / safety)).
//
// For a schedule that repeats one entry, `high` is the largest sigma whose iterates neither diverge
// nor change sign: the repelling fixed point phi(x) = x > 1, or the first zero of phi for the
// cubic. For the others it is 1, the largest value that the division by the Frobenius norm leaves.

#include "steepest/polar/schedules.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>

namespace steepest::polar {
namespace {

constexpr PolynomialCoefficients kJordan{3.4445, -4.7750, 2.0315};

// Returns the largest x with phi(x) = x, for the polynomial phi of p, above which iterates diverge:
// t = x^2 is the larger root of c t^2 + b t + (a - 1) = 0. p.c is not 0.
double repelling_fixed_point(const PolynomialCoefficients& p) {
  return std::sqrt((-p.b + std::sqrt(p.b * p.b - 4 * p.c * (p.a - 1))) / (2 * p.c));
}

// Returns the schedule that takes the polynomial p at every step, made for singular values in (0,
// high]; `steps` is how many it takes unless the caller says otherwise.
Schedule repeated(const char* name, const char* source, PolynomialCoefficients p, double high,
                  int64_t steps) {
  return {.name = name, .source = source, .table = {p}, .high = high, .steps = steps};
}

// Returns the schedule "cans": Polar Express's rule without its cushion. It was published without a
// safety factor, and needs one as Polar Express does: above its interval a polynomial falls
// steeply, and a sigma of 1 that is rounded up would end below 0 or diverge.
Schedule cans() {
  Schedule s = polar_express({.cushion = 0});
  s.name = "cans";
  s.source = "CANS, arXiv 2506.10935, with Polar Express's safety factor";
  return s;
}

// Returns the schedule "cubic5", whose five cubics take singular values from 7e-3 on into [.77,
// 1.3] by two products each. It was published without a safety factor: its first cubic takes 1 to
// .02, and 1.004, to which 16 bits may round it, to a change of sign. The roundings of equal
// columns add up to more than that: with 1.01 a value of .35 is left, with 1.05 one in the band.
Schedule cubic5() {
  return {.name = "cubic5",
          .source = "arXiv 2606.00371, with a safety factor",
          .table = {{3.3656576, -3.3420992, 0},
                    {2.5744352, -1.4957376, 0},
                    {2.5368962, -1.4312570, 0},
                    {2.4418906, -1.2764040, 0},
                    {2.2230472, -.9630650, 0}},
          .safety = 1.05,
          .low = 7e-3};
}

// Makes every schedule that has a name, in the order in which they are shown.
std::vector<Schedule> catalog() {
  return {
      repeated("jordan", "Muon (K. Jordan 2024), tuned", kJordan, repelling_fixed_point(kJordan),
               5),
      repeated("baseline", "Muon (K. Jordan 2024), baseline", {2, -1.5, .5}, std::sqrt(2.0), 12),
      repeated("cubic", "Bjorck & Bowie 1971, order 3", {1.5, -.5, 0}, std::sqrt(3.0), 20),
      repeated("quintic", "Bjorck & Bowie 1971, order 5", {15. / 8, -10. / 8, 3. / 8},
               std::sqrt(7.0 / 3), 13),
      {.name = "you",
       .source = "J. You 2024, five steps tuned together",
       .table = {{4.0848, -6.8946, 2.9270},
                 {3.9505, -6.3029, 2.6377},
                 {3.7418, -5.5913, 2.3037},
                 {2.8769, -3.1427, 1.2046},
                 {2.8366, -3.0525, 1.2012}}},
      polar_express(),
      cans(),
      cubic5(),
  };
}

// Returns the catalog, which is made once.
const std::vector<Schedule>& schedules() {
  static const std::vector<Schedule> all = catalog();
  return all;
}

// Returns the maximum of f on [low, high], where it has one local maximum, by golden section
// search: 40 cuts leave 4e-9 of the interval.
double golden_section(const std::function<double(double)>& f, double low, double high) {
  const double g = (std::sqrt(5.0) - 1) / 2;
  for (int i = 0; i < 40; ++i) {
    const double x = high - g * (high - low), y = low + g * (high - low);
    (f(x) < f(y) ? low : high) = f(x) < f(y) ? x : y;
  }
  return f((low + high) / 2);
}

}  // namespace

const PolynomialCoefficients& Schedule::at(int64_t k) const {
  return table.at(std::min<size_t>(k, table.size() - 1));
}

std::vector<PolynomialCoefficients> Schedule::first(int64_t n) const {
  std::vector<PolynomialCoefficients> steps;
  for (int64_t k = 0; k < n; ++k) steps.push_back(at(k));
  return steps;
}

double Schedule::apply(double sigma, int64_t n) const {
  sigma /= safety;
  for (int64_t k = 0; k < n; ++k) sigma = at(k)(sigma);
  return sigma;
}

double Schedule::error(double l, int64_t n) const {
  return max_error([&](double sigma) { return apply(sigma, n); }, l, 1);
}

std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const Schedule& s : schedules()) names.push_back(s.name);
  return names;
}

Schedule named_schedule(const std::string& name) {
  for (const Schedule& s : schedules())
    if (s.name == name) return s;
  TORCH_CHECK_VALUE(false, "steepest::named_schedule: name: received \"", name,
                    "\", allowed: see schedule_names()");
}

double max_error(const std::function<double(double)>& f, double low, double high) {
  const int n = 20000;
  const double start = std::log(std::max(low, 1e-300)), step = (std::log(high) - start) / n;
  auto error = [&](double t) { return std::abs(1 - f(std::exp(t))); };
  std::vector<double> at(n + 1);
  for (int i = 0; i <= n; ++i) at[i] = error(start + i * step);
  double best = std::max(std::abs(1 - f(low)), std::abs(1 - f(high)));  // exp(log(x)) is not x
  const double largest = std::max(best, *std::max_element(at.begin(), at.end()));
  if (largest < 1e-13) return largest;  // rounding: nothing to refine
  for (int i = 1; i < n; ++i) {
    if (at[i] <= at[i - 1] || at[i] < at[i + 1] || at[i] < largest / 2) continue;
    best = std::max(best, golden_section(error, start + (i - 1) * step, start + (i + 1) * step));
  }
  return std::max(best, largest);
}

}  // namespace steepest::polar
