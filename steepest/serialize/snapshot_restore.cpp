// SPDX-License-Identifier: Apache-2.0
// Snapshot::restore: everything that a snapshot says is checked, and copied, before the optimizer
// changes.
#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "steepest/base/dtype.h"
#include "steepest/base/names.h"
#include "steepest/base/text.h"
#include "steepest/engine/check.h"
#include "steepest/engine/entries.h"
#include "steepest/io/json_check.h"
#include "steepest/options.h"
#include "steepest/serialize/recipe_json.h"
#include "steepest/serialize/snapshot.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;

struct Rate {
  const char* key;
  double GroupOptions::*field;
};
constexpr Rate kRates[] = {{"lr", &GroupOptions::lr},
                           {"lr_ratio", &GroupOptions::lr_ratio},
                           {"backup_ratio", &GroupOptions::backup_ratio},
                           {"weight_decay", &GroupOptions::weight_decay},
                           {"backup_weight_decay", &GroupOptions::backup_weight_decay}};

std::string entry(const Metadata& metadata, const std::string& key, const std::string& source) {
  const auto found = metadata.find(key);
  TORCH_CHECK_VALUE(found != metadata.end(), source, ": received no \"", key,
                    "\" in the metadata, allowed an optimizer's state");
  return found->second;
}

Json parse(const std::string& text, const std::string& key, const std::string& source) {
  constexpr size_t kDepth = 8;
  try {
    check_json(text, {.depth = kDepth});
  } catch (const JsonError& error) {
    TORCH_CHECK_VALUE(false, source, ": ", key, ": ", error.what(), ": received ", shown(text));
  }
  return Json::parse(text);
}

std::vector<std::vector<double>> read_groups(const std::string& text, size_t groups,
                                             const std::string& source) {
  const auto json = parse(text, "groups", source);
  TORCH_CHECK_VALUE(json.is_array() && json.size() == groups, source, ": groups: received ",
                    json.is_array() ? std::to_string(json.size()) : "no list", ", allowed ",
                    groups);
  std::vector<std::vector<double>> all;
  for (const auto& rates : json) {
    auto& numbers = all.emplace_back();
    for (const auto& rate : kRates) {
      const auto where = source + ": groups[" + std::to_string(all.size() - 1) + "]." + rate.key;
      TORCH_CHECK_VALUE(rates.is_object() && rates.contains(rate.key), where,
                        ": received nothing, allowed a finite number from 0 up");
      const auto& value = rates[rate.key];
      const double number = value.is_number() ? value.get<double>() : -1;
      TORCH_CHECK_VALUE(std::isfinite(number) && number >= 0, where, ": received ",
                        cut(value.dump()), ", allowed a finite number from 0 up");
      numbers.push_back(number);
    }
  }
  return all;
}

// What a file may say otherwise: what is only told, rates and how a direction is computed.
bool may_differ(const std::string& key) {
  if (key == "paper" || key == "equation") return true;
  const auto* option = find_option(key);
  return option != nullptr && option->may_change >= MayChange::in_file;
}

// What a file means that does not mention a choice: an option that came later has its default.
Json unmentioned(const std::string& key) {
  static const Json plain = Json::parse(recipe_json(Recipe{}));
  const auto* option = find_option(key);
  if (option == nullptr || !option->later) return {};
  return option->scope == Scope::network ? plain[key] : plain["matrix"][key];
}

// Throws at the first choice that differs, in the recipe's order.
void compare(const Json& received, const Json& allowed, const std::string& path,
             const std::string& source) {
  for (const auto& [key, value] : allowed.items()) {
    if (value.is_object()) {  // a side
      compare(received.is_object() ? received.value(key, Json()) : Json(), value, path + key + ".",
              source);
    } else if (!may_differ(key)) {
      const auto found = received.is_object() ? received.value(key, unmentioned(key)) : Json();
      TORCH_CHECK_VALUE(found == value, source, ": ", path, key, ": received ", cut(found.dump()),
                        ", allowed the optimizer's ", value.dump());
    }
  }
  if (!received.is_object()) return;
  for (const auto& [key, value] : received.items()) {
    TORCH_CHECK_VALUE(allowed.contains(key), source, ": choices: received ", shown(path + key),
                      ", which this version does not know");
  }
}

// The snapshot's tensors by key, and which of them have been used.
class Reader {
 public:
  Reader(const NamedTensors& tensors, const std::string& source) : source_(source) {
    for (const auto& [key, tensor] : tensors) {
      TORCH_CHECK_VALUE(tensors_.emplace(key, tensor).second, source_, ": received ", shown(key),
                        " twice");
      TORCH_CHECK_VALUE(tensor.defined(), source_, ": ", shown(key),
                        ": received an undefined tensor");
    }
  }

  at::Tensor take(const std::string& key) {
    const auto found = tensors_.find(key);
    if (found == tensors_.end()) return {};
    used_.insert(key);
    return found->second;
  }

  // Absent: 0, where that is allowed.
  double number(const std::string& key, bool required) {
    const auto t = take(key);
    TORCH_CHECK_VALUE(t.defined() || !required, source_, ": received no ", key);
    if (!t.defined()) return 0;
    const bool real = is_computable(t.scalar_type()) ||
                      at::isIntegralType(t.scalar_type(), /*includeBool=*/false);
    const bool one = t.numel() == 1 && t.layout() == at::kStrided && !t.is_meta();
    TORCH_CHECK_VALUE(real && one, source_, ": ", key, ": received ", t.toString(), t.sizes(),
                      ", allowed one number");
    return t.to(at::kDouble).item<double>();
  }

  int64_t count(const std::string& key, bool required) {
    constexpr double kMax = 9007199254740992;  // 2^53: exact in float64
    const double value = number(key, required);
    TORCH_CHECK_VALUE(value >= 0 && value <= kMax && value == std::floor(value), source_, ": ", key,
                      ": received ", print_number(value), ", allowed a whole number from 0 up");
    return static_cast<int64_t>(value);
  }

  double finite(const std::string& key) {
    const double value = number(key, /*required=*/true);
    TORCH_CHECK_VALUE(std::isfinite(value), source_, ": ", key, ": received ", print_number(value),
                      ", allowed a finite number");
    return value;
  }

  // Of a parameter's state; on its device, and a copy.
  at::Tensor state(const std::string& key, const StateEntry& wanted, const at::Tensor& param) {
    const auto t = take(key);
    TORCH_CHECK_VALUE(t.defined(), source_, ": received no ", key);
    TORCH_CHECK_VALUE(is_computable(t.scalar_type()) && t.layout() == at::kStrided && !t.is_meta(),
                      source_, ": ", key, ": received ", t.toString(), ", allowed a tensor of ",
                      kComputable);
    TORCH_CHECK_VALUE(t.sizes() == wanted.shape, source_, ": ", key, ": received shape ", t.sizes(),
                      ", allowed ", at::IntArrayRef(wanted.shape));
    return t.detach().to(param.device()).clone();
  }

  // The parameters that it has state of, in no order.
  std::vector<std::string> saved_names() const {
    const std::string prefix = "state.";
    std::unordered_set<std::string> names;
    for (const auto& [key, tensor] : tensors_) {
      const size_t dot = key.rfind('.');
      if (key.starts_with(prefix) && dot >= prefix.size())
        names.insert(key.substr(prefix.size(), dot - prefix.size()));
    }
    return {names.begin(), names.end()};
  }

  void require_all_used(const NamedTensors& tensors) const {
    for (const auto& [key, tensor] : tensors) {
      TORCH_CHECK_VALUE(used_.count(key) != 0, source_, ": received ", shown(key),
                        ", which no parameter of this optimizer has");
    }
  }

 private:
  const std::string& source_;
  std::unordered_map<std::string, at::Tensor> tensors_;
  std::unordered_set<std::string> used_;
};

std::vector<std::string> names_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const auto& param : plan.params) names.push_back(param.name);
  return names;
}

std::vector<ParamState> read_states(Reader& reader, const Plan& plan,
                                    const std::vector<Param>& params) {
  const auto saved_as = match_names(names_of(plan), reader.saved_names());
  std::vector<ParamState> states(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const auto prefix = "state." + saved_as.at(plan.params[i].name) + ".";
    states[i].step = reader.count(prefix + "step", /*required=*/false);
    if (states[i].step == 0) continue;  // tensors without a step belong to nobody
    for (const auto& wanted : state_entries(plan, i)) {
      wanted.of(states[i]) = reader.state(prefix + wanted.key, wanted, params[i].value);
    }
  }
  return states;
}

GlobalState read_global(Reader& reader, const Plan& plan) {
  GlobalState global{.step = reader.count("global.step", /*required=*/true)};
  if (global.step == 0 || plan.recipe.step_size != StepSize::momo) return global;
  const auto read = [&](const char* key) {
    reader.finite(key);
    return reader.take(key).detach().to(at::kDouble).reshape({}).clone();
  };
  global.loss_average = read("global.loss_average");
  global.weight = read("global.weight");
  global.f_star = read("global.f_star");
  return global;
}

struct Observed {
  at::Tensor sum;
  double weight = 0;
};

Observed read_observed(Reader& reader, const std::string& source) {
  const auto sum = reader.take("global.observed");
  const auto weight = reader.take("global.observed_weight");
  TORCH_CHECK_VALUE(sum.defined() == weight.defined(), source,
                    ": received one of global.observed and global.observed_weight, allowed both");
  if (!sum.defined()) return {};
  reader.number("global.observed", /*required=*/true);
  const double number = reader.finite("global.observed_weight");
  TORCH_CHECK_VALUE(number > 0, source, ": global.observed_weight: received ", print_number(number),
                    ", allowed a finite number above 0");
  return {sum.detach().to(at::kDouble).reshape({}).clone(), number};
}

}  // namespace

void Snapshot::restore(Optimizer& optimizer, const std::string& source) const {
  const auto require = [&](const char* key, const std::string& allowed) {
    const auto received = entry(metadata, key, source);
    const auto quoted = shown(received);
    TORCH_CHECK_VALUE(received == allowed, source, ": ", key, ": received ",
                      quoted.substr(1, quoted.size() - 2), ", allowed ", allowed);
  };
  require("format", kSnapshotFormat);
  require("recipe", optimizer.recipe().name);
  compare(parse(entry(metadata, "choices", source), "choices", source),
          Json::parse(recipe_json(optimizer.recipe())), "", source);
  const auto rates =
      read_groups(entry(metadata, "groups", source), optimizer.param_groups().size(), source);

  const auto& plan = optimizer.plan();
  const auto params = optimizer.collect_params();
  Reader reader(tensors, source);
  auto states = read_states(reader, plan, params);
  auto global = read_global(reader, plan);
  const auto skipped = reader.count("global.skipped", /*required=*/false);
  const auto observed = read_observed(reader, source);
  reader.require_all_used(tensors);

  for (size_t i = 0; i < params.size(); ++i) {
    if (states[i].step > 0)
      optimizer.state_of(params[i].value) = std::move(states[i]);
    else
      optimizer.state_.erase(params[i].value.unsafeGetTensorImpl());
  }
  for (size_t g = 0; g < rates.size(); ++g) {
    auto& options = static_cast<GroupOptions&>(optimizer.param_groups()[g].options());
    for (size_t r = 0; r < rates[g].size(); ++r) options.*(kRates[r].field) = rates[g][r];
  }
  optimizer.global_ = std::move(global);
  optimizer.skipped_ = skipped;
  optimizer.observed_ = observed.sum;
  optimizer.observed_weight_ = observed.weight;
}

}  // namespace steepest
