// SPDX-License-Identifier: Apache-2.0
// steepest polar-curve and polar-search: what an iteration makes of singular values, and the
// steepest polynomial that keeps them near 1.
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "steepest/base/text.h"
#include "steepest/polar/schedules.h"
#include "steepest/polar/slope_search.h"
#include "trainer/commands/commands.h"
#include "trainer/run/output.h"

namespace steepest::trainer {
namespace {

struct CurveOptions {
  std::string schedule = "polar_express";
  std::vector<std::string> polynomials;
  std::optional<int64_t> steps;
  int64_t points = 200;
  double low = 0;
};

// The coefficients of x, x^3, x^5, .. in a text "a,b,c,..", up to ten of them. Throws
// c10::ValueError for another text.
std::vector<double> coefficients_of(const std::string& text) {
  std::vector<double> all;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto number = read_number(part);
    const bool good = number && std::isfinite(*number) && all.size() < 10;
    TORCH_CHECK_VALUE(good, "--polynomial: received ", in_quotes(text),
                      ", allowed one to ten numbers a,b,c,.. of a x + b x^3 + c x^5 + ..");
    all.push_back(*number);
  }
  TORCH_CHECK_VALUE(!all.empty(), "--polynomial: received nothing, allowed numbers a,b,c,..");
  return all;
}

// The odd polynomial of these coefficients at x, by Horner's rule in x^2.
double value_at(const std::vector<double>& coefficients, double x) {
  double y = 0;
  for (auto c = coefficients.rbegin(); c != coefficients.rend(); ++c) y = y * x * x + *c;
  return x * y;
}

// An iteration: how many steps are shown, and what k of them make of a singular value.
struct Iteration {
  int64_t steps;
  std::function<double(double sigma, int64_t k)> apply;
};

// The iteration that the options name: polynomials, of which the last repeats, or a schedule.
Iteration iteration_of(const CurveOptions& o) {
  if (o.polynomials.empty()) {
    const auto names = polar::schedule_names();
    TORCH_CHECK_VALUE(std::ranges::find(names, o.schedule) != names.end(), "schedule: received ",
                      in_quotes(o.schedule), ", allowed ", join(names), nearest(o.schedule, names));
    const auto schedule = polar::named_schedule(o.schedule);
    return {o.steps.value_or(schedule.steps),
            [schedule](double sigma, int64_t k) { return schedule.apply(sigma, k); }};
  }
  std::vector<std::vector<double>> all;
  for (const auto& text : o.polynomials) all.push_back(coefficients_of(text));
  const auto count = static_cast<int64_t>(all.size());
  const auto apply = [all, count](double sigma, int64_t k) {
    for (int64_t i = 0; i < k; ++i)
      sigma = value_at(all[static_cast<size_t>(std::min(i, count - 1))], sigma);
    return sigma;
  };
  return {o.steps.value_or(std::max<int64_t>(count, 5)), apply};
}

// The singular values of the curve, `points` of them up to 1: equally far from each other from 0
// on, or from `low` > 0 on in equal ratios.
std::vector<double> grid(int64_t points, double low) {
  std::vector<double> all;
  for (int64_t i = 0; i < points; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(points - 1);
    all.push_back(low > 0 ? std::pow(low, 1 - t) : t);
  }
  return all;
}

// Prints the curve as CSV: a column of singular values sigma, and one of sigma' after each step.
void print_curve(const CurveOptions& o) {
  TORCH_CHECK_VALUE(o.low >= 0 && o.low < 1, "--low: received ", o.low,
                    ", allowed a number from 0 and below 1");
  const auto iteration = iteration_of(o);
  std::string text = "sigma";
  for (int64_t k = 1; k <= iteration.steps; ++k) text += "," + std::to_string(k);
  for (const double sigma : grid(o.points, o.low)) {
    text += "\n" + print_number(sigma);
    for (int64_t k = 1; k <= iteration.steps; ++k)
      text += "," + print_number(iteration.apply(sigma, k));
  }
  print_out(text + "\n");
}

// Prints, as a line of JSON, the odd quintic of largest slope at 0 whose iterates end in [low,
// high].
void print_search(double low, double high, double headroom) {
  const auto found = polar::search_slope(low, high, headroom);
  const nlohmann::ordered_json result{{"a", found.phi.a},        {"b", found.phi.b},
                                      {"c", found.phi.c},        {"low", found.band.low},
                                      {"high", found.band.high}, {"peak", found.band.peak},
                                      {"escape", found.escape}};
  print_out(result.dump() + "\n");
}

}  // namespace

// Adds `steepest polar-curve`, which prints sigma' over sigma as CSV; its callback sets
// `exit_code`.
void add_polar_curve(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<CurveOptions>();
  auto* command = app.add_subcommand(
      "polar-curve", "What a polar iteration makes of singular values, after each step, as CSV");
  auto* schedule =
      command->add_option("schedule", o->schedule, "By name: " + join(polar::schedule_names()));
  command
      ->add_option(
          "--polynomial", o->polynomials,
          "Instead: a,b,c,.. of a x + b x^3 + c x^5 + .., one for each step (repeatable; the "
          "last one repeats)")
      ->type_name("A,B,..")
      ->expected(1)
      ->take_all()
      ->excludes(schedule);
  command->add_option("--steps", o->steps, "How many; without it, the schedule's own number")
      ->check(whole_number(1, 100));
  command->add_option("--points", o->points, "Singular values up to 1")
      ->check(whole_number(2, 1'000'000));
  command->add_option("--low", o->low,
                      "The smallest of them, in equal ratios from there on; 0: equal distances");
  command->callback([o, &exit_code] {
    print_curve(*o);
    exit_code = 0;
  });
}

// Adds `steepest polar-search LOW HIGH`, which prints coefficients as JSON; its callback sets
// `exit_code`.
void add_polar_search(CLI::App& app, int& exit_code) {
  struct Options {
    double low = 0, high = 0, headroom = 1e-6;
  };
  auto o = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "polar-search",
      "The odd quintic of largest slope at 0 whose iterates from (0, 1] end in [low, high]");
  command->add_option("low", o->low, "The least singular value in the end, .7")->required();
  command->add_option("high", o->high, "The largest, 1.3")->required();
  command->add_option("--headroom", o->headroom,
                      "How far the iterates stay below the point where they diverge, as a part");
  command->callback([o, &exit_code] {
    print_search(o->low, o->high, o->headroom);
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
