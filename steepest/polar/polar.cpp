// SPDX-License-Identifier: Apache-2.0
// The names of the methods, and the options that each of them accepts.

#include "steepest/polar/polar.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/polar/solvers.h"
#include "steepest/polar/tolerance.h"

namespace steepest {
namespace polar {
namespace {

constexpr int64_t kMaxSteps = 100;

// Returns the schedule of method "custom", of one step for each (a, b, c) of the options, or of
// five steps where there is a single one. Throws c10::ValueError unless all are finite.
Schedule custom_schedule(const PolarOptions& options) {
  Schedule schedule{.name = "custom", .source = "the caller"};
  for (const auto& [a, b, c] : options.coefficients) {
    TORCH_CHECK_VALUE(std::isfinite(a) && std::isfinite(b) && std::isfinite(c),
                      "polar_coefficients: received (", a, ", ", b, ", ", c,
                      "), allowed finite numbers");
    schedule.table.push_back({a, b, c});
  }
  schedule.steps = schedule.table.size() == 1 ? 5 : std::ssize(schedule.table);
  return schedule;
}

// Throws c10::ValueError unless coefficients are given with method "custom", and with it only.
void check_coefficients(const PolarOptions& o) {
  TORCH_CHECK_VALUE((o.method == "custom") == !o.coefficients.empty(),
                    "polar_coefficients: received ", o.coefficients.size(), " for method \"",
                    o.method, "\", allowed one or more with \"custom\" only");
}

// Throws c10::ValueError unless polar_methods() has the method.
void check_method(const std::string& method) {
  const std::vector<std::string> names = polar_methods();
  if (std::find(names.begin(), names.end(), method) != names.end()) return;
  std::string letters = method.substr(0, 64);
  std::erase_if(letters, [](char c) { return c == '_' || c == '-'; });
  // What other libraries call the iteration that has Jordan's coefficients here.
  const bool newton_schulz = letters.find("newtonschulz") != letters.npos;
  const std::vector<std::string> schedules = schedule_names();
  TORCH_CHECK_VALUE(false, "polar: received ", shown(method),
                    ", allowed svd, newton, auto, custom, ", join(schedules), " (the last ",
                    schedules.size(), " also behind gram_ or fast_)",
                    newton_schulz ? "; nearest: jordan" : nearest(method, names));
}

// Throws c10::ValueError where steps are given that are not 1 to kMaxSteps, or with the method
// "svd", which takes none.
void check_steps(const PolarOptions& o) {
  if (!o.steps) return;
  TORCH_CHECK_VALUE(o.method != "svd", "polar_steps: received ", *o.steps,
                    ", allowed unset: \"svd\" takes no steps");
  TORCH_CHECK_VALUE(*o.steps >= 1 && *o.steps <= kMaxSteps, "polar_steps: received ", *o.steps,
                    ", allowed 1 to ", kMaxSteps);
}

// Throws c10::ValueError where tol or low is given, which only "auto" takes.
void check_no_tolerance(const PolarOptions& o) {
  TORCH_CHECK_VALUE(!o.tol && !o.low, o.tol ? "polar_tol" : "polar_low", ": received ",
                    o.tol ? *o.tol : *o.low, ", allowed unset: \"", o.method,
                    "\" takes none, \"auto\" does");
}

// Whether a method may compute in bfloat16 or float16: some schedules may; the Gram forms, "svd"
// and "newton" may not.
bool half_width_allowed(const std::string& method) {
  const std::vector<std::string> names = schedule_names();
  return std::find(names.begin(), names.end(), method) != names.end() &&
         named_schedule(method).half_width;
}

// Throws c10::ValueError unless the dtype is unset, float32 or float64, or with half_width_allowed
// bfloat16 or float16.
void check_dtype(const PolarOptions& o, bool half_width_allowed) {
  if (!o.dtype) return;
  const at::ScalarType t = *o.dtype;
  TORCH_CHECK_VALUE(t == at::kFloat || t == at::kDouble || (is_half(t) && half_width_allowed),
                    "polar_dtype: received ", dtype_name(t), ", allowed for \"", o.method,
                    "\": float64, float32", half_width_allowed ? ", bfloat16, float16" : "");
}

// Throws c10::ValueError where restarts are given that do not ascend from 1 on, or to a method that
// is no Gram form, as is_gram says.
void check_restarts(const PolarOptions& o, bool is_gram) {
  if (!o.restarts) return;
  TORCH_CHECK_VALUE(is_gram, "polar_restarts: received [", c10::Join(", ", *o.restarts),
                    "], allowed unset: \"", o.method, "\" is no Gram form");
  const bool ascending = std::adjacent_find(o.restarts->begin(), o.restarts->end(),
                                            std::greater_equal<>()) == o.restarts->end();
  TORCH_CHECK_VALUE(ascending && (o.restarts->empty() || o.restarts->front() >= 1),
                    "polar_restarts: received [", c10::Join(", ", *o.restarts),
                    "], allowed ascending steps from 1 on");
}

// Makes the solver that the options ask for; throws c10::ValueError where one of them is wrong, or
// does not go with the method.
std::unique_ptr<PolarSolver> make_checked(const PolarOptions& options) {
  check_coefficients(options);
  if (options.method == "custom") {
    check_steps(options);
    check_dtype(options, /*half_width_allowed=*/true);
    return by_shape_solver(custom_schedule(options), options);
  }
  if (options.method == "auto") return tolerance_solver(options);
  check_method(options.method);
  check_no_tolerance(options);
  const bool gram = options.method.starts_with("gram_");
  const bool fast = options.method.starts_with("fast_");
  check_steps(options);
  check_dtype(options, half_width_allowed(fast ? options.method.substr(5) : options.method));
  check_restarts(options, gram);
  if (options.method == "svd") return svd_solver(options);
  if (options.method == "newton") return newton_solver(options);
  if (fast) return fast_solver(named_schedule(options.method.substr(5)), options);
  if (gram) return gram_solver(named_schedule(options.method.substr(5)), options);
  return by_shape_solver(named_schedule(options.method), options);
}

}  // namespace
}  // namespace polar

std::vector<std::string> polar_methods() {
  const std::vector<std::string> schedules = polar::schedule_names();
  std::vector<std::string> names = schedules;
  names.insert(names.begin(), "svd");
  names.push_back("newton");
  for (const char* form : {"gram_", "fast_"}) {
    for (const std::string& s : schedules) names.push_back(form + s);
  }
  return names;
}

std::unique_ptr<PolarSolver> make_polar(const PolarOptions& options) {
  return polar::make_checked(options);
}

}  // namespace steepest
