// SPDX-License-Identifier: Apache-2.0
// max |1 - phi_k(... phi_1(sigma / safety))| for sigma in [low, 1], evaluated in float64.

#include "steepest/polar/error_table.h"

#include <cmath>
#include <cstdio>

#include "steepest/polar/schedules.h"

namespace steepest::polar {
namespace {

constexpr double kLow = 1e-3;

// Returns the table's row for a schedule s, shown as `name`: its errors max |1 - sigma'| after 1,
// 2, .. `steps` steps, over the singular values sigma in [low, 1], which become sigma'.
ErrorRow error_row(std::string name, const Schedule& s, int64_t steps, double low = kLow) {
  ErrorRow r{.name = std::move(name), .low = low};
  for (int64_t k = 1; k <= steps; ++k) r.errors.push_back(s.error(low, k));
  return r;
}

// Returns the schedule of Polar Express as the modded-nanogpt speedrun has it: five entries, with a
// cushion and a safety factor of its own.
Schedule speedrun() {
  return polar_express({.cushion = .02, .safety = 1.02, .entries = 5, .safety_inside = true});
}

// Returns the schedule "cubic5" as it was published, without a safety factor.
Schedule published_cubic5() {
  Schedule s = named_schedule("cubic5");
  s.safety = 1;
  return s;
}

// Returns the schedule of n steps of "jordan", whose steep slope lifts small singular values, and
// of "baseline" from then on, which converges to 1, where "jordan" does not.
Schedule jordan_then_baseline(size_t n) {
  Schedule s{.name = "jordan, then baseline"};
  s.table.assign(n, named_schedule("jordan").at(0));
  s.table.push_back(named_schedule("baseline").at(0));
  return s;
}

// Returns the root mean square of 1 - sigma' for singular values sigma uniform in [kLow, 1], of
// which so many steps of the schedule make sigma'.
double root_mean_square(const Schedule& s, int64_t steps) {
  const int n = 200000;  // midpoints of equal parts of [kLow, 1]
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    const double error = 1 - s.apply(kLow + (1 - kLow) * (i + .5) / n, steps);
    sum += error * error;
  }
  return std::sqrt(sum / n);
}

// Returns a number as the table shows it: with four decimals, below .01 as "1.2e-03".
std::string digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 1e-2 ? "%.1e" : "%.4f", value);
  return text;
}

}  // namespace

std::vector<ErrorRow> error_rows() {
  return {
      error_row("jordan", named_schedule("jordan"), 8),
      error_row("baseline", named_schedule("baseline"), 12),
      error_row("cubic", named_schedule("cubic"), 8),
      error_row("quintic", named_schedule("quintic"), 8),
      error_row("you", named_schedule("you"), 5),
      error_row("polar_express, safety 1", polar_express({.safety = 1}), 8),
      error_row("polar_express, safety 1.01", polar_express(), 8),
      error_row("polar_express, safety 1.05", polar_express({.safety = 1.05}), 8),
      error_row("polar_express, speedrun (1.02, 5 entries)", speedrun(), 5),
      error_row("cans, safety 1", polar_express({.cushion = 0, .safety = 1}), 8),
      error_row("cans, safety 1.01", named_schedule("cans"), 8),
      error_row("cubic5, safety 1", published_cubic5(), 5),
      error_row("cubic5, safety 1", published_cubic5(), 5, published_cubic5().low),
      error_row("cubic5, safety 1.05", named_schedule("cubic5"), 5),
      error_row("6 minimax cubics in [.7, 1.3]", search_cubic(.7, 1.3, 6), 6),
      error_row("5 jordan, 2 baseline", jordan_then_baseline(5), 7),
      error_row("8 jordan, 2 baseline", jordan_then_baseline(8), 10),
  };
}

std::vector<RmsError> rms_errors() {
  std::vector<RmsError> all;
  for (const auto& [name, steps] : {std::pair{"jordan", 5}, std::pair{"you", 5},
                                    std::pair{"polar_express", 5}, std::pair{"polar_express", 6}})
    all.push_back({name, steps, root_mean_square(named_schedule(name), steps)});
  return all;
}

std::string error_table() {
  constexpr int kColumns = 12;
  std::string text = "max |1 - sigma'| after k steps, sigma in [low, 1]\n| schedule | low |";
  for (int k = 1; k <= kColumns; ++k) text += " " + std::to_string(k) + " |";
  text += "\n|---|---|";
  for (int k = 1; k <= kColumns; ++k) text += "---|";
  for (const ErrorRow& r : error_rows()) {
    text += "\n| " + r.name + " | " + digits(r.low) + " |";
    for (size_t k = 0; k < kColumns; ++k)
      text += (k < r.errors.size() ? " " + digits(r.errors[k]) : "") + " |";
  }
  text += "\n\nRMS of |1 - sigma'|, sigma uniform in [1e-3, 1]:";
  for (const RmsError& r : rms_errors())
    text += " " + r.name + " " + std::to_string(r.steps) + " steps " + digits(r.rms) + ",";
  text.back() = '\n';
  return text;
}

}  // namespace steepest::polar
