// SPDX-License-Identifier: Apache-2.0
// The tiny network's training by processes that share it, beside one process that has it alone.
#pragma once

#include "steepest/distributed/sharing.h"
#include "tests/support/engine_run.h"
#include "tests/support/thread_group.h"

namespace steepest::test {

constexpr int kSteps = 12;

// The gradients and losses of kSteps steps along the path of one process, and its weights after it.
struct Path {
  std::vector<Evaluation> steps;
  std::vector<at::Tensor> weights;
  std::vector<StepStats> stats;
};

inline const std::vector<double> kRates = {0.05, 0.03, 0.02, 0.02}, kDecays = {0.02, 0.05, 0, 0.1};

inline std::vector<PlannedParam> planned(const std::vector<Leaf>& leaves) {
  std::vector<PlannedParam> params;
  for (const auto& leaf : leaves)
    params.push_back({leaf.name, leaf.value.sizes().vec(), leaf.group, leaf.view});
  return params;
}

inline Path alone(const Recipe& recipe) {
  EngineRun run(recipe, tiny_leaves());
  Path path;
  for (int t = 0; t < kSteps; ++t) {
    path.steps.push_back(evaluate(run.weights(), t));
    path.stats.push_back(
        run.step(path.steps.back().grads, path.steps.back().loss, kRates, kDecays));
  }
  path.weights = run.weights();
  return path;
}

// One process of a group, with its boxes of the tiny network.
class SharedRun {
 public:
  SharedRun(const Recipe& recipe, const Layout& layout, ProcessGroup& group) : group_(group) {
    const auto leaves = tiny_leaves();
    std::vector<PlannedGroup> groups(kGroups);
    for (const auto& leaf : leaves) groups[leaf.group] = {leaf.role, recipe.choices(leaf.role)};
    plan = share_plan(make_plan(recipe, planned(leaves), std::move(groups)),
                      {"", group.rank(), layout});
    states.resize(leaves.size());
    for (size_t i = 0; i < leaves.size(); ++i) values.push_back(local(i, leaves[i].value).clone());
  }

  // Returns what this process holds of a whole tensor of parameter number i.
  at::Tensor local(size_t i, const at::Tensor& whole) const {
    return plan.sharing->box(i, group_.rank()).of(whole, whole_box(whole.sizes()));
  }

  StepStats step(const Evaluation& at) {
    std::vector<Param> params;
    for (size_t i = 0; i < values.size(); ++i) {
      const auto& g = at.grads[i];
      params.push_back({values[i], g.defined() ? local(i, g).contiguous() : g, &states[i]});
    }
    std::vector<Rates> rates;
    for (size_t g = 0; g < plan.groups.size(); ++g) rates.push_back({kRates[g], kDecays[g]});
    return engine::step(plan, params, global, rates, at::scalar_tensor(at.loss, at::kDouble),
                        /*measure_duals=*/false, &group_);
  }

  Plan plan;
  GlobalState global;
  std::vector<ParamState> states;
  std::vector<at::Tensor> values;

 private:
  ProcessGroup& group_;
};

// The layouts of the tiny network's 7 parameters: mix 4 x 5, conv, fused 7 rows, experts,
// embedding, bias, offset. See tiny_leaves().
struct NamedLayout {
  std::string name;
  Layout layout;
};

inline NamedLayout same_everywhere(std::string name, std::vector<int64_t> mesh,
                                   const std::vector<Placement>& placements) {
  return {std::move(name), {std::move(mesh), std::vector(tiny_leaves().size(), placements)}};
}

}  // namespace steepest::test
