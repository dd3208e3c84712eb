// SPDX-License-Identifier: Apache-2.0
// The C++ optimizer's snapshot, in files of its own and in torch's archives.
#include <ATen/ATen.h>
#include <torch/serialize/archive.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "steepest/base/text.h"
#include "steepest/io/json_check.h"
#include "steepest/io/safetensors.h"
#include "steepest/optimizer.h"
#include "steepest/optimizer_groups.h"
#include "steepest/serialize/snapshot.h"

namespace steepest {
namespace {

using SortedJson = nlohmann::json;
const char* const kArchive = "torch::load";

// Returns the part of a param group's options that a file keeps: lr, its ratio for the backup norm,
// and the two weight decays.
GroupRates rates_of(const GroupOptions& options) {
  return {options.lr, options.backup_lr_ratio, options.weight_decay, options.backup_weight_decay};
}

// Sets lr, backup_lr_ratio and the weight decays of a param group to those of a file; its other
// options stay. `role` is the one role of its parameters, unset where both occur: only then does
// the ratio count, which is 1 in any other. In older files a group without a role and without a
// matrix has the ratio of its lr.
void set_rates(GroupOptions& options, const GroupRates& rates, std::optional<Role> role) {
  const bool ratio_of_lr = !options.group.role && role == Role::backup;
  options.lr = ratio_of_lr ? rates.lr * rates.backup_lr_ratio : rates.lr;
  options.backup_lr_ratio = role ? 1 : rates.backup_lr_ratio;
  options.weight_decay = rates.weight_decay;
  options.backup_weight_decay = rates.backup_weight_decay;
}

// Whether none of a param group's parameters is trained, that is, asks for a gradient.
bool is_frozen(const std::vector<at::Tensor>& params) {
  return std::ranges::none_of(params, [](const auto& param) { return param.requires_grad(); });
}

}  // namespace

// Returns all state of the optimizer, named; the tensors are its own, not copies, so that its next
// step changes them.
Snapshot Snapshot::of(const Optimizer& optimizer) {
  auto& source = const_cast<Optimizer&>(optimizer);  // the plan may have to be made anew
  const auto& plan = source.plan();
  WholeState state{.global = optimizer.global_, .skipped = optimizer.skipped_};
  for (const auto& param : source.collect_params()) state.params.push_back(*param.state);
  state.observed = optimizer.observed_;
  state.observed_weight = optimizer.observed_weight_;
  for (const auto& group : optimizer.param_groups())
    state.rates.push_back(rates_of(static_cast<const GroupOptions&>(group.options())));
  return of(plan, state);
}

// Reads this snapshot into the optimizer's states, rates and counts; a parameter that it has no
// state of loses what it had. All of it is checked first, so that the optimizer is unchanged where
// that throws c10::ValueError; `source`, a file's path, begins the message.
void Snapshot::restore(Optimizer& optimizer, const std::string& source) const {
  const auto& plan = optimizer.plan();
  SnapshotTarget target;
  for (const auto& param : optimizer.collect_params()) target.params.push_back(param.value);
  for (const auto& group : optimizer.param_groups())
    target.is_group_frozen.push_back(is_frozen(group.params()));
  auto state = read(plan, target, source);

  for (size_t i = 0; i < target.params.size(); ++i) {
    if (state.params[i].step > 0)
      optimizer.state_of(target.params[i]) = std::move(state.params[i]);
    else
      optimizer.state_.erase(target.params[i].unsafeGetTensorImpl());
  }
  for (size_t g = 0; g < state.rates.size(); ++g) {
    if (!state.rates[g]) continue;
    auto& group = optimizer.param_groups()[g];
    auto& options = options_in(group);
    set_rates(options, *state.rates[g], sole_role(options.group, named(group, g)));
  }
  optimizer.global_ = std::move(state.global);
  optimizer.skipped_ = state.skipped;
  optimizer.observed_ = state.observed;
  optimizer.observed_weight_ = state.observed_weight;
}

// Writes all state of the optimizer to a safetensors file at `path`. Where that fails, it throws
// FileError, and a file that was there before is unchanged.
void save(const Optimizer& optimizer, const std::string& path) {
  const auto snapshot = Snapshot::of(optimizer);
  write_safetensors(path, snapshot.tensors, snapshot.metadata);
}

// Reads all state from a safetensors file into the optimizer, which is unchanged where that throws:
// FileError, or c10::ValueError where the state is not this optimizer's.
void load(Optimizer& optimizer, const std::string& path) {
  auto file = read_safetensors(path);
  Snapshot{std::move(file.tensors), std::move(file.metadata)}.restore(optimizer, path);
}

// Overrides torch::optim::Optimizer's, which torch::save calls: writes the optimizer's snapshot to
// the archive, as steepest::save does to a file: its tensors as "tensor0", "tensor1", .., a JSON
// list of their names, and its metadata as a JSON object.
void Optimizer::save(torch::serialize::OutputArchive& archive) const {
  const auto snapshot = Snapshot::of(*this);
  SortedJson names = SortedJson::array();
  for (size_t i = 0; i < snapshot.tensors.size(); ++i) {
    names.push_back(snapshot.tensors[i].first);
    archive.write("tensor" + std::to_string(i), snapshot.tensors[i].second, /*is_buffer=*/true);
  }
  archive.write("names", c10::IValue(names.dump()));
  archive.write("metadata", c10::IValue(SortedJson(snapshot.metadata).dump()));
}

namespace {

// Returns the value under a key of torch's archive, which another program may have written, with
// anything in it; throws c10::ValueError where there is none.
c10::IValue read_value(torch::serialize::InputArchive& archive, const std::string& key) {
  c10::IValue value;
  const bool found = archive.try_read(key, value);
  TORCH_CHECK_VALUE(found, kArchive, ": received no ", key, ", allowed an optimizer's state");
  return value;
}

// Reads the JSON list or object of texts that torch's archive holds under a key; throws
// c10::ValueError where there is none, or anything else.
SortedJson read_texts(torch::serialize::InputArchive& archive, const std::string& key) {
  const auto value = read_value(archive, key);
  TORCH_CHECK_VALUE(value.isString(), kArchive, ": ", key, ": received ", value.tagKind(),
                    ", allowed text");
  try {
    check_json(value.toStringRef(), {.depth = 2});
  } catch (const JsonError& error) {
    TORCH_CHECK_VALUE(false, kArchive, ": ", key, ": ", error.what());
  }
  auto json = SortedJson::parse(value.toStringRef());
  const bool texts =
      json.is_structured() &&
      std::all_of(json.begin(), json.end(), [](const SortedJson& x) { return x.is_string(); });
  TORCH_CHECK_VALUE(texts, kArchive, ": ", key, ": received ", cut(json.dump()), ", allowed texts");
  return json;
}

}  // namespace

// Overrides torch::optim::Optimizer's, which torch::load calls: reads the snapshot that save()
// wrote to the archive into this optimizer, which is unchanged where that throws c10::ValueError.
void Optimizer::load(torch::serialize::InputArchive& archive) {
  Snapshot snapshot;
  const auto metadata = read_texts(archive, "metadata");
  TORCH_CHECK_VALUE(metadata.is_object(), kArchive,
                    ": metadata: received a list, allowed an object");
  for (const auto& [key, value] : metadata.items())
    snapshot.metadata[key] = value.get<std::string>();
  for (const auto& name : read_texts(archive, "names")) {
    const auto value = read_value(archive, "tensor" + std::to_string(snapshot.tensors.size()));
    TORCH_CHECK_VALUE(value.isTensor(), kArchive, ": ", shown(name.get<std::string>()),
                      ": received ", value.tagKind(), ", allowed a tensor");
    snapshot.tensors.emplace_back(name.get<std::string>(), value.toTensor());
  }
  snapshot.restore(*this, kArchive);
}

}  // namespace steepest
