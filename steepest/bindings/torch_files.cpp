// SPDX-License-Identifier: Apache-2.0
// torch.ops.steepest's files: an optimizer's state in the format of serialize/snapshot.h, and named
// tensors in safetensors.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/library.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "steepest/base/names.h"
#include "steepest/base/text.h"
#include "steepest/bindings/bound_state.h"
#include "steepest/engine/entries.h"
#include "steepest/io/json_check.h"
#include "steepest/io/safetensors.h"
#include "steepest/serialize/snapshot.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;
using Tensors = at::TensorList;

// -- an optimizer's state -------------------------------------------------------------------------

// Rates travel flat, group after group, in the order of GroupRates; NaN where a file has none.
constexpr size_t kRates = 4;

// Reads the groups' rates from a flat list of kRates numbers for each group, in the order of
// GroupRates' members. Throws c10::ValueError where the length is not a multiple of kRates.
std::vector<std::optional<GroupRates>> rates_from(at::ArrayRef<double> flat) {
  TORCH_CHECK_VALUE(flat.size() % kRates == 0, "steepest::save_state: rates: received ",
                    flat.size(), " numbers, allowed ", kRates, " for each group");
  std::vector<std::optional<GroupRates>> rates;
  for (size_t i = 0; i < flat.size(); i += kRates)
    rates.push_back(GroupRates{flat[i], flat[i + 1], flat[i + 2], flat[i + 3]});
  return rates;
}

// Returns the groups' rates as the flat list that rates_from reads; lr is NaN for a group that has
// none in the state.
std::vector<double> flat_rates(const WholeState& state) {
  std::vector<double> flat;
  for (const auto& rates : state.rates) {
    const auto r = rates.value_or(GroupRates{std::numeric_limits<double>::quiet_NaN()});
    flat.insert(flat.end(), {r.lr, r.backup_lr_ratio, r.weight_decay, r.backup_weight_decay});
  }
  return flat;
}

// Writes an optimizer's state to a safetensors file. `text` is the plan as JSON, steps and state
// are those of the parameters `live` (see StepLists), `step` and momo are the network's step count
// and Momo's numbers, and the rates are as flat_rates writes them.
void save_state(const std::string& path, Tensors params, Tensors steps, Tensors state,
                const std::string& text, at::IntArrayRef live, int64_t step, const at::Tensor& momo,
                at::ArrayRef<double> rates) {
  const at::NoGradGuard no_grad;
  const auto plan = plan_of(text);
  c10::List<std::optional<at::Tensor>> grads;
  grads.resize(params.size());
  const StepLists lists{params, grads, steps, state, live};
  BoundState bound(*plan, lists, "save_state");
  WholeState whole{.rates = rates_from(rates)};
  for (const auto& param : bound.params()) whole.params.push_back(*param.state);
  whole.global = bind_global(at::full({}, step, at::kLong), momo);
  whole.global.step = step;
  const auto snapshot = Snapshot::of(*plan, whole);
  write_safetensors(path, snapshot.tensors, snapshot.metadata);
}

// Reads a state file for these params and the plan of the JSON `text`. It returns the parameters'
// step counts (0: no state), their tensors in layout()'s order, the network's step count, Momo's
// numbers [3], [8] or [0], the losses that no step has used (their weighted sum and their weight)
// or nothing, and the groups' rates. is_group_frozen says of each group whether none of its
// parameters is trained.
std::tuple<std::vector<int64_t>, std::vector<at::Tensor>, int64_t, at::Tensor, std::vector<double>,
           std::vector<double>>
load_state(const std::string& path, Tensors params, const std::string& text,
           const c10::List<bool>& is_group_frozen) {
  const at::NoGradGuard no_grad;
  const auto plan = plan_of(text);
  TORCH_CHECK_VALUE(params.size() == plan->params.size(), "steepest::load_state: params: received ",
                    params.size(), ", allowed ", plan->params.size(), ", as the plan says");
  auto file = read_safetensors(path);
  const Snapshot snapshot{std::move(file.tensors), std::move(file.metadata)};
  auto whole = snapshot.read(*plan, {params.vec(), is_group_frozen.vec()}, path);
  std::vector<int64_t> steps;
  std::vector<at::Tensor> state;
  for (size_t i = 0; i < params.size(); ++i) {
    steps.push_back(whole.params[i].step);
    if (steps.back() == 0) continue;
    for (const auto& entry : engine::state_entries(*plan, i))
      state.push_back(entry.of(whole.params[i]));
  }
  const auto& global = whole.global;
  const auto momo = momo_numbers(global);
  std::vector<double> observed;
  if (whole.observed_weight > 0) observed = {whole.observed.item<double>(), whole.observed_weight};
  return {steps, state, global.step, momo, observed, flat_rates(whole)};
}

// -- named tensors --------------------------------------------------------------------------------

// Reads any safetensors file and returns its tensors on the CPU, their names in the same order, and
// its metadata as a JSON object of texts.
std::tuple<std::vector<at::Tensor>, std::vector<std::string>, std::string> load_file(
    const std::string& path) {
  const auto file = read_safetensors(path);
  std::vector<at::Tensor> tensors;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : file.tensors) names.push_back(name), tensors.push_back(tensor);
  return {tensors, names, Json(file.metadata).dump()};
}

// Parses the metadata for a safetensors file, which Python gives as a JSON object of texts; throws
// c10::ValueError where the text is no such object.
Metadata metadata_of(const std::string& text) {
  try {
    check_json(text, {.depth = 2});
  } catch (const JsonError& error) {
    TORCH_CHECK_VALUE(false, "steepest::save_file: metadata: ", error.what(), ": received ",
                      shown(text));
  }
  Metadata metadata;
  const auto json = Json::parse(text);
  TORCH_CHECK_VALUE(json.is_object(), "steepest::save_file: metadata: received ", shown(text),
                    ", allowed an object of texts");
  for (const auto& [key, value] : json.items()) {
    TORCH_CHECK_VALUE(value.is_string(), "steepest::save_file: metadata: ", shown(key),
                      ": received ", cut(value.dump()), ", allowed text");
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// Writes named tensors to a safetensors file; metadata is a JSON object of texts.
void save_file(const std::string& path, Tensors tensors, const std::vector<std::string>& names,
               const std::string& metadata) {
  TORCH_CHECK_VALUE(names.size() == tensors.size(), "steepest::save_file: names: received ",
                    names.size(), ", allowed one for each of ", tensors.size(), " tensors");
  NamedTensors named;
  for (size_t i = 0; i < names.size(); ++i) named.emplace_back(names[i], tensors[i]);
  write_safetensors(path, named, metadata_of(metadata));
}

}  // namespace
}  // namespace steepest

// An operator that takes no tensors has no device to be dispatched by, and is bound here; the
// others are bound below.
TORCH_LIBRARY_FRAGMENT(steepest, m) {
  m.def(
      "save_state(str path, Tensor[] params, Tensor[] steps, Tensor[] state, str plan, int[] live, "
      "int step, Tensor momo, float[] rates) -> ()");
  m.def(
      "load_state(str path, Tensor[] params, str plan, bool[] is_group_frozen) -> (int[], "
      "Tensor[], "
      "int, Tensor, float[], float[])");
  m.def("plain_names(str[] names) -> str[]", &steepest::plain_names);
  m.def("name_difference(str[] received, str[] allowed) -> str", &steepest::name_difference);
  m.def("load_file(str path) -> (Tensor[], str[], str)", &steepest::load_file);
  m.def("save_file(str path, Tensor[] tensors, str[] names, str metadata) -> ()");
}

// Binds the operators that take tensors, for tensors of every device.
TORCH_LIBRARY_IMPL(steepest, CompositeExplicitAutograd, m) {
  m.impl("save_state", &steepest::save_state);
  m.impl("load_state", &steepest::load_state);
  m.impl("save_file", &steepest::save_file);
}
