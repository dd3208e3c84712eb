// SPDX-License-Identifier: Apache-2.0
#include "steepest/serialize/snapshot.h"

#include <ATen/ATen.h>
#include <torch/serialize/archive.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "steepest/base/text.h"
#include "steepest/engine/entries.h"
#include "steepest/io/json_check.h"
#include "steepest/serialize/recipe_json.h"

namespace steepest {
namespace {

using Json = nlohmann::json;
const char* const kArchive = "torch::load";

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
  put("global.loss_average", source.global_.loss_average);
  put("global.weight", source.global_.weight);
  put("global.f_star", source.global_.f_star);
  if (optimizer.observed_weight_ > 0) {  // micro-batches seen since the last step
    put("global.observed", optimizer.observed_);
    put("global.observed_weight", at::full({}, optimizer.observed_weight_, at::kDouble));
  }
  Json groups = Json::array();
  for (const auto& group : optimizer.param_groups()) {
    groups.push_back(rates_of(static_cast<const GroupOptions&>(group.options())));
  }
  shot.metadata = {{"format", kSnapshotFormat},
                   {"recipe", optimizer.recipe().name},
                   {"choices", recipe_json(optimizer.recipe())},
                   {"groups", groups.dump()}};
  return shot;
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

namespace {

// An archive that another program wrote may hold anything under a key, or nothing.
c10::IValue read_value(torch::serialize::InputArchive& archive, const std::string& key) {
  c10::IValue value;
  const bool found = archive.try_read(key, value);
  TORCH_CHECK_VALUE(found, kArchive, ": received no ", key, ", allowed an optimizer's state");
  return value;
}

Json read_texts(torch::serialize::InputArchive& archive, const std::string& key) {
  const auto value = read_value(archive, key);
  TORCH_CHECK_VALUE(value.isString(), kArchive, ": ", key, ": received ", value.tagKind(),
                    ", allowed text");
  try {
    check_json(value.toStringRef(), {.depth = 2});
  } catch (const JsonError& error) {
    TORCH_CHECK_VALUE(false, kArchive, ": ", key, ": ", error.what());
  }
  auto json = Json::parse(value.toStringRef());
  const bool texts =
      json.is_structured() &&
      std::all_of(json.begin(), json.end(), [](const Json& x) { return x.is_string(); });
  TORCH_CHECK_VALUE(texts, kArchive, ": ", key, ": received ", cut(json.dump()), ", allowed texts");
  return json;
}

}  // namespace

void Optimizer::load(torch::serialize::InputArchive& archive) {
  Snapshot shot;
  const auto metadata = read_texts(archive, "metadata");
  TORCH_CHECK_VALUE(metadata.is_object(), kArchive,
                    ": metadata: received a list, allowed an object");
  for (const auto& [key, value] : metadata.items()) shot.metadata[key] = value.get<std::string>();
  for (const auto& name : read_texts(archive, "names")) {
    const auto value = read_value(archive, "tensor" + std::to_string(shot.tensors.size()));
    TORCH_CHECK_VALUE(value.isTensor(), kArchive, ": ", shown(name.get<std::string>()),
                      ": received ", value.tagKind(), ", allowed a tensor");
    shot.tensors.emplace_back(name.get<std::string>(), value.toTensor());
  }
  shot.restore(*this, kArchive);
}

}  // namespace steepest
