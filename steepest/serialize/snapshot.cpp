// SPDX-License-Identifier: Apache-2.0
#include "steepest/serialize/snapshot.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "steepest/base/text.h"
#include "steepest/engine/entries.h"
#include "steepest/serialize/recipe_json.h"
#include "steepest/serialize/snapshot_metadata.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;

// Returns a step count as torch keeps it, 0-dim float32, while that is exact, else int64.
at::Tensor count_tensor(int64_t step) {
  return at::full({}, step, step < (int64_t{1} << 24) ? at::kFloat : at::kLong);
}

// Returns the rates of the optimizer's groups as a JSON list of objects of lr, backup_lr_ratio,
// weight_decay and backup_weight_decay; the defaults of GroupRates for a group whose rates are
// unset.
std::string rates_json(const WholeState& state) {
  Json groups = Json::array();
  for (const auto& rates : state.rates) {
    const auto r = rates.value_or(GroupRates{});
    groups.push_back({{"lr", r.lr},
                      {"backup_lr_ratio", r.backup_lr_ratio},
                      {"weight_decay", r.weight_decay},
                      {"backup_weight_decay", r.backup_weight_decay}});
  }
  return groups.dump();
}

// Throws c10::ValueError where two parameters have one name, under which state could not be kept.
void check_names(const Plan& plan) {
  std::unordered_set<std::string> seen;
  for (const auto& param : plan.params) {
    TORCH_CHECK_VALUE(seen.insert(param.name).second, "save: names: received ", shown(param.name),
                      " twice, allowed names that differ");
  }
}

}  // namespace

Snapshot Snapshot::of(const Plan& plan, const WholeState& state) {
  check_names(plan);
  Snapshot snapshot;
  const auto put = [&](const std::string& name, const at::Tensor& tensor) {
    if (tensor.defined()) snapshot.tensors.emplace_back(name, tensor.detach());
  };
  for (size_t i = 0; i < plan.params.size(); ++i) {
    auto param = state.params[i];
    if (param.step == 0) continue;
    const auto prefix = "state." + plan.params[i].name + ".";
    put(prefix + "step", count_tensor(param.step));
    for (const auto& entry : engine::state_entries(plan, i))
      put(prefix + entry.key, entry.of(param));
  }
  put("global.step", count_tensor(state.global.step));
  put("global.skipped", at::full({}, state.skipped, at::kLong));
  put("global.loss_average", state.global.loss_average);
  put("global.weight", state.global.weight);
  put("global.f_star", state.global.f_star);
  put("global.auto_rate", state.global.auto_rate);
  if (state.observed_weight > 0) {
    put("global.observed", state.observed);
    put("global.observed_weight", at::full({}, state.observed_weight, at::kDouble));
  }
  snapshot.metadata = {{"format", kSnapshotFormat},
                       {"recipe", plan.recipe.name},
                       {"choices", recipe_json(plan.recipe)},
                       {"groups", rates_json(state)},
                       {"places", places_json(plan)}};
  return snapshot;
}

}  // namespace steepest
