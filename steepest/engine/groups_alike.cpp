// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/groups_alike.h"

#include <tuple>

namespace steepest::engine {
namespace {

// All options of a solver, so that one that is added does not compile until it is compared.
auto all_of(const PolarOptions& options) {
  const auto& [method, steps, dtype, coefficients, restarts, tol, low] = options;
  return std::tie(method, steps, dtype, coefficients, restarts, tol, low);
}
auto all_of(const SvdOptions& options) {
  const auto& [method, tol, stop, max_passes, fixed_passes, dtype, fallback] = options;
  return std::tie(method, tol, stop, max_passes, fixed_passes, dtype, fallback);
}

// Whether two groups' choices are the same, but for rates, which are read at every step.
bool same_choices(const Choices& a, const Choices& b) {
  const auto choices_of = [](const Choices& c) {
    const auto& [norm, lr, momentum, form, dampening, nesterov, start, place, feedback, beta2, eps,
                 weight_decay, decoupled, decay, look, rescale, geometry, radius, solvers, dtype,
                 batched] = c;
    static_cast<void>(lr), static_cast<void>(momentum), static_cast<void>(weight_decay);
    static_cast<void>(solvers);
    return std::tie(norm, form, dampening, nesterov, start, place, feedback, beta2, eps, decoupled,
                    decay, look, rescale, geometry, radius, dtype, batched);
  };
  return choices_of(a) == choices_of(b) && all_of(a.solvers.polar) == all_of(b.solvers.polar) &&
         all_of(a.solvers.svd) == all_of(b.solvers.svd);
}

}  // namespace

std::vector<int64_t> groups_alike(const StepInput& in, Roles roles,
                                  const std::vector<int64_t>& rows) {
  const auto& groups = in.plan.groups;
  const auto numbers_of = [&](int64_t g) {
    const auto& own = in.numbers[g];
    const auto role = groups[g].role;
    return std::tuple(own.lr, own.weight_decay, own.momentum, in.found_rate[role == Role::backup],
                      rows.empty() ? 0 : rows[g],
                      roles == Roles::same ? static_cast<int>(role) : 0);
  };
  std::vector<int64_t> firsts;
  for (int64_t g = 0; g < std::ssize(groups); ++g) {
    int64_t first = 0;
    while (first < g && !(numbers_of(first) == numbers_of(g) &&
                          same_choices(groups[first].choices, groups[g].choices)))
      ++first;
    firsts.push_back(first);
  }
  return firsts;
}

}  // namespace steepest::engine
