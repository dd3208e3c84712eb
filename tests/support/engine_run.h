// SPDX-License-Identifier: Apache-2.0
// The engine laid over the tiny network, with its state: what an optimizer's face would own.
#pragma once

#include <ATen/ATen.h>

#include "steepest/engine/step.h"
#include "steepest/optimizers/optimizers.h"
#include "tests/support/tiny_net.h"

namespace steepest::test {

class EngineRun {
 public:
  EngineRun(const Recipe& recipe, std::vector<Leaf> leaves) : leaves_(std::move(leaves)) {
    std::vector<PlannedParam> params;
    std::vector<PlannedGroup> groups;
    for (const auto& leaf : leaves_) {
      const auto group = static_cast<size_t>(leaf.group);
      if (groups.size() <= group) groups.resize(group + 1);
      groups[group] = {leaf.role, recipe.choices(leaf.role)};
      params.push_back({leaf.name, leaf.value.sizes().vec(), leaf.group, leaf.view});
    }
    plan = make_plan(recipe, std::move(params), std::move(groups));
    states.resize(leaves_.size());
  }

  StepStats step(const std::vector<at::Tensor>& grads, double loss, const std::vector<double>& etas,
                 const std::vector<double>& decays) {
    std::vector<Param> params;
    for (size_t i = 0; i < leaves_.size(); ++i) {
      params.push_back({leaves_[i].value, grads[i], &states[i]});
    }
    std::vector<Rates> rates;
    for (size_t g = 0; g < plan.groups.size(); ++g) rates.push_back({etas[g], decays[g]});
    return engine::step(plan, params, global, rates, at::scalar_tensor(loss, at::kDouble));
  }

  std::vector<at::Tensor> weights() const {
    std::vector<at::Tensor> all;
    for (const auto& leaf : leaves_) all.push_back(leaf.value);
    return all;
  }

  Plan plan;
  GlobalState global;
  std::vector<ParamState> states;

 private:
  std::vector<Leaf> leaves_;
};

// Overrides under which the library computes what the plain formulas say.
inline Overrides exactly(Overrides overrides = {}) {
  overrides.polar = "svd";
  overrides.svd = "exact";
  return overrides;
}

inline std::vector<at::Tensor> copies(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> all;
  for (const auto& t : tensors) all.push_back(t.detach().clone());
  return all;
}

inline double largest_difference(const std::vector<at::Tensor>& a,
                                 const std::vector<at::Tensor>& b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].numel() == 0) continue;
    const double d = (a[i].to(at::kDouble) - b[i].to(at::kDouble)).abs().max().item<double>();
    worst = d > worst || d != d ? d : worst;  // NaN counts
  }
  return worst;
}

}  // namespace steepest::test
