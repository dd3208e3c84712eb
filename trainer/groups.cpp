// SPDX-License-Identifier: Apache-2.0
// From a model's routing and the run file's [[group]] tables to parameter groups.
#include <torch/nn/module.h>

#include <algorithm>

#include "steepest/base/text.h"
#include "trainer/session.h"

namespace steepest::trainer {
namespace {

// Whether the table's globs match this parameter's name.
bool is_hit(const GroupSpec& spec, const std::string& name) {
  bool hit = false;
  for (const auto& glob : spec.match) hit |= matches_glob(name, glob);
  return hit;
}

// Takes the parameters that `spec`, a [[group]] table of the run file, matches out of `group`,
// which keeps the others, and returns them as a group of their own, with the table's view and
// options, and its role or else that of `group`. Where none matches, the result has no parameters.
Group split_off(Group& group, const GroupSpec& spec) {
  Group taken{.role = group.role, .view = spec.view, .options = spec.options};
  Group kept = group;
  kept.params.clear(), kept.reasons.clear();
  for (size_t i = 0; i < group.params.size(); ++i) {
    const bool hit = is_hit(spec, group.params[i].first);
    auto& target = hit ? taken : kept;
    target.params.push_back(group.params[i]);
    target.reasons.push_back(hit ? "group table" : group.reasons[i]);
  }
  if (!spec.role.empty()) taken.role = spec.role == "matrix" ? Role::matrix : Role::backup;
  group = std::move(kept);
  return taken;
}

// Whether each weight of the group is taken as several matrices, such as q, k and v.
bool is_fused(const Group& group) {
  return group.view.num_heads != 0 || !group.view.split_sizes.empty();
}

// Options for route() by which each weight that `routed` takes as several matrices stays one, among
// the other matrices.
RouteOptions unsplit_options(const Groups& routed) {
  RouteOptions options;
  for (const auto& group : routed) {
    if (!is_fused(group)) continue;
    for (const auto& [name, param] : group.params) options.views.emplace_back(name, View{});
  }
  return options;
}

}  // namespace

std::vector<int64_t> schedule_steps(const Groups& groups, const std::vector<GroupSpec>& specs,
                                    int64_t steps) {
  std::vector<int64_t> all;
  for (const auto& group : groups) {
    // The first table that matches a parameter wins, so all of a group have the same.
    const auto table = std::ranges::find_if(
        specs, [&](const auto& spec) { return is_hit(spec, group.params.front().first); });
    all.push_back(table == specs.end() ? steps : table->steps.value_or(steps));
  }
  return all;
}

// Routes the model's parameters to groups and takes what each [[group]] table in `specs` matches
// out into a group of its own, the first table that matches winning; with Fused::whole a fused
// weight (q, k and v in one) stays one matrix. Throws c10::ValueError for a table that matches no
// parameter that is left.
Groups make_groups(Model& model, const std::vector<GroupSpec>& specs, Fused fused) {
  auto groups = route(model.module());
  if (fused == Fused::whole) groups = route(model.module(), unsplit_options(groups));
  Groups own;  // the first table that matches a parameter wins
  for (const auto& spec : specs) {
    bool used = false;
    for (auto& group : groups) {
      auto taken = split_off(group, spec);
      if (taken.params.empty()) continue;
      own.push_back(std::move(taken));
      used = true;
    }
    TORCH_CHECK_VALUE(used, "group: match: received ", join(spec.match),
                      ", which matches no parameter that is left");
  }
  std::erase_if(groups, [](const Group& g) { return g.params.empty(); });
  groups.insert(groups.end(), own.begin(), own.end());
  return groups;
}

}  // namespace steepest::trainer
