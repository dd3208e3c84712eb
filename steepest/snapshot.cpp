// SPDX-License-Identifier: Apache-2.0
#include "steepest/snapshot.h"

#include <ATen/ATen.h>
#include <torch/serialize/archive.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "steepest/engine/entries.h"
#include "steepest/json.h"

namespace steepest {
namespace {

using Json = nlohmann::json;
const std::string kFormat = "steepest-optimizer-1";

void each_global(GlobalState& global, const auto& visit) {
  visit("global.loss_average", global.loss_average);
  visit("global.weight", global.weight);
  visit("global.f_star", global.f_star);
}

// A step count as torch keeps it, 0-dim float32, while that is exact.
at::Tensor count(int64_t step) {
  return at::full({}, step, step < (int64_t{1} << 24) ? at::kFloat : at::kLong);
}

Json rates_of(const GroupOptions& o) {
  return {{"lr", o.lr},
          {"lr_ratio", o.lr_ratio},
          {"backup_ratio", o.backup_ratio},
          {"weight_decay", o.weight_decay},
          {"backup_weight_decay", o.backup_weight_decay}};
}

void set_rates(GroupOptions& o, const Json& rates) {
  o.lr = rates.at("lr");
  o.lr_ratio = rates.at("lr_ratio");
  o.backup_ratio = rates.at("backup_ratio");
  o.weight_decay = rates.at("weight_decay");
  o.backup_weight_decay = rates.at("backup_weight_decay");
}

std::string entry(const Metadata& metadata, const std::string& key, const std::string& source) {
  const auto found = metadata.find(key);
  TORCH_CHECK_VALUE(found != metadata.end(), source, ": received no \"", key,
                    "\" in the metadata, allowed an optimizer's state");
  return found->second;
}

Json read_groups(const std::string& text, size_t groups, const std::string& source) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  TORCH_CHECK_VALUE(json.is_array() && json.size() == groups, source, ": groups: received ",
                    json.is_array() ? std::to_string(json.size()) : "no list", ", allowed ",
                    groups);
  for (const auto& rates : json) {
    for (const char* key :
         {"lr", "lr_ratio", "backup_ratio", "weight_decay", "backup_weight_decay"}) {
      TORCH_CHECK_VALUE(rates.is_object() && rates.contains(key) && rates[key].is_number(), source,
                        ": groups: received no number for ", key);
    }
  }
  return json;
}

// What is read at every step, or says nothing of the state: rates and how a direction is computed.
const std::set<std::string> kFree = {
    "lr",          "weight_decay",       "paper",     "equation", "polar",
    "polar_steps", "polar_coefficients", "svd",       "svd_tol",  "svd_passes",
    "polar_dtype", "polar_tol",          "directions"};

void compare(const Json& received, const Json& allowed, const std::string& path,
             const std::string& source) {
  for (const auto& [key, value] : allowed.items()) {
    if (kFree.count(key) != 0) continue;
    const auto found = received.is_object() ? received.value(key, Json()) : Json();
    if (value.is_object()) {
      compare(found, value, path + key + ".", source);
    } else {
      TORCH_CHECK_VALUE(found == value, source, ": ", path, key, ": received ", found.dump(),
                        ", allowed the optimizer's ", value.dump());
    }
  }
}

void check_choices(const std::string& text, const Recipe& recipe, const std::string& source) {
  compare(Json::parse(text, nullptr, /*allow_exceptions=*/false), Json::parse(recipe_json(recipe)),
          "", source);
}

}  // namespace

Snapshot Snapshot::of(const Optimizer& optimizer) {
  Snapshot shot;
  auto& source = const_cast<Optimizer&>(optimizer);  // the tensors are only read
  const auto& plan = source.plan();
  const auto put = [&](const std::string& name, const at::Tensor& tensor) {
    if (tensor.defined()) shot.tensors.emplace_back(name, tensor.detach());
  };
  const auto params = source.collect_params();
  for (size_t i = 0; i < params.size(); ++i) {
    const auto prefix = "state." + plan.params[i].name + ".";
    if (params[i].state->step == 0) continue;
    put(prefix + "step", count(params[i].state->step));
    for (const auto& entry : state_entries(plan, i)) {
      put(prefix + entry.key, entry.of(*params[i].state));
    }
  }
  put("global.step", count(optimizer.global_.step));
  put("global.skipped", at::full({}, optimizer.skipped_, at::kLong));
  each_global(source.global_, put);
  if (optimizer.observed_weight_ > 0) {  // micro-batches seen since the last step
    put("global.observed", optimizer.observed_);
    put("global.observed_weight", at::full({}, optimizer.observed_weight_, at::kDouble));
  }
  Json groups = Json::array();
  for (const auto& group : optimizer.param_groups()) {
    groups.push_back(rates_of(static_cast<const GroupOptions&>(group.options())));
  }
  shot.metadata = {{"format", kFormat},
                   {"recipe", optimizer.recipe().name},
                   {"choices", recipe_json(optimizer.recipe())},
                   {"groups", groups.dump()}};
  return shot;
}

void Snapshot::restore(Optimizer& optimizer, const std::string& source) const {
  const auto format = entry(metadata, "format", source);
  TORCH_CHECK_VALUE(format == kFormat, source, ": format: received ", format, ", allowed ",
                    kFormat);
  const auto name = entry(metadata, "recipe", source);
  TORCH_CHECK_VALUE(name == optimizer.recipe().name, source, ": recipe: received ", name,
                    ", allowed ", optimizer.recipe().name);
  check_choices(entry(metadata, "choices", source), optimizer.recipe(), source);
  const auto groups =
      read_groups(entry(metadata, "groups", source), optimizer.param_groups().size(), source);

  std::set<std::string> used;
  const auto take = [&](const std::string& key) -> at::Tensor {
    const auto* found = find_tensor(tensors, key);
    if (found == nullptr) return {};
    used.insert(key);
    return *found;
  };
  const auto number = [&](const std::string& key) {
    const auto t = take(key);
    return t.defined() ? t.to(at::kDouble).item<double>() : 0;
  };
  const auto& plan = optimizer.plan();
  const auto params = optimizer.collect_params();
  std::vector<ParamState> states(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const auto prefix = "state." + plan.params[i].name + ".";
    states[i].step = static_cast<int64_t>(number(prefix + "step"));
    if (states[i].step == 0) continue;  // tensors without a step belong to nobody
    for (const auto& wanted : state_entries(plan, i)) {
      const auto key = prefix + wanted.key;
      const auto t = take(key);
      TORCH_CHECK_VALUE(t.defined(), source, ": received no ", key);
      TORCH_CHECK_VALUE(t.sizes() == wanted.shape, source, ": ", key, ": received shape ",
                        t.sizes(), ", allowed ", at::IntArrayRef(wanted.shape));
      wanted.of(states[i]) = t.to(params[i].value.device()).clone();
    }
  }
  TORCH_CHECK_VALUE(find_tensor(tensors, "global.step") != nullptr, source,
                    ": received no global.step");
  GlobalState global{.step = static_cast<int64_t>(number("global.step"))};
  const bool modelled = global.step > 0 && plan.recipe.step_size == StepSize::momo;
  each_global(global, [&](const std::string& key, at::Tensor& t) {
    if (!modelled) return;
    t = take(key);
    TORCH_CHECK_VALUE(t.defined() && t.numel() == 1, source, ": received no number for ", key);
    t = t.clone();
  });
  const auto skipped = static_cast<int64_t>(number("global.skipped"));
  const auto observed = take("global.observed");
  const double weight = number("global.observed_weight");
  for (const auto& [key, tensor] : tensors) {
    TORCH_CHECK_VALUE(used.count(key) != 0, source, ": received ", key,
                      ", which no parameter of this optimizer has");
  }

  for (size_t i = 0; i < params.size(); ++i) {
    if (states[i].step > 0)
      optimizer.state_of(params[i].value) = std::move(states[i]);
    else
      optimizer.state_.erase(params[i].value.unsafeGetTensorImpl());
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    set_rates(static_cast<GroupOptions&>(optimizer.param_groups()[g].options()), groups[g]);
  }
  optimizer.global_ = std::move(global);
  optimizer.skipped_ = skipped;
  optimizer.observed_ = observed;
  optimizer.observed_weight_ = weight;
}

void save(const Optimizer& optimizer, const std::string& path) {
  const auto shot = Snapshot::of(optimizer);
  write_safetensors(path, shot.tensors, shot.metadata);
}

void load(Optimizer& optimizer, const std::string& path) {
  auto file = read_safetensors(path);
  Snapshot{std::move(file.tensors), std::move(file.metadata)}.restore(optimizer, path);
}

// torch::save's archive holds the same snapshot, its tensors by position.
void Optimizer::save(torch::serialize::OutputArchive& archive) const {
  const auto shot = Snapshot::of(*this);
  Json names = Json::array();
  for (size_t i = 0; i < shot.tensors.size(); ++i) {
    names.push_back(shot.tensors[i].first);
    archive.write("tensor" + std::to_string(i), shot.tensors[i].second, /*is_buffer=*/true);
  }
  archive.write("names", c10::IValue(names.dump()));
  archive.write("metadata", c10::IValue(Json(shot.metadata).dump()));
}

void Optimizer::load(torch::serialize::InputArchive& archive) {
  c10::IValue names, metadata;
  archive.read("names", names);
  archive.read("metadata", metadata);
  Snapshot shot;
  shot.metadata = Json::parse(metadata.toStringRef()).get<Metadata>();
  for (const auto& name : Json::parse(names.toStringRef())) {
    at::Tensor tensor;
    archive.read("tensor" + std::to_string(shot.tensors.size()), tensor, /*is_buffer=*/true);
    shot.tensors.emplace_back(name.get<std::string>(), tensor);
  }
  shot.restore(*this, "torch::load");
}

}  // namespace steepest
