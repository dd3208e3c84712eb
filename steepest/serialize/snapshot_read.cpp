// SPDX-License-Identifier: Apache-2.0
// Snapshot::read: everything that a snapshot says is checked, and copied.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "steepest/base/dtype.h"
#include "steepest/base/names.h"
#include "steepest/base/text.h"
#include "steepest/engine/auto_rate.h"
#include "steepest/engine/entries.h"
#include "steepest/serialize/snapshot.h"
#include "steepest/serialize/snapshot_metadata.h"

namespace steepest {
namespace {

const std::string kStatePrefix = "state.";

// The snapshot's tensors by key, and which of them have been used.
class Reader {
 public:
  // Notes the tensors by key. Throws c10::ValueError, which begins with `source`, at a key that is
  // there twice or a tensor that is undefined.
  Reader(const NamedTensors& tensors, const std::string& source)
      : tensors_(tensors), source_(source) {
    for (const auto& [key, tensor] : tensors) {
      TORCH_CHECK_VALUE(by_key_.emplace(key, tensor).second, source_, ": received ", shown(key),
                        " twice");
      TORCH_CHECK_VALUE(tensor.defined(), source_, ": ", shown(key),
                        ": received an undefined tensor");
    }
  }

  // Whether there is a tensor of this key; unlike take(), this does not count it as used.
  bool has(const std::string& key) const { return by_key_.count(key) != 0; }

  // Returns the tensor of this key, undefined where there is none, and counts it as used.
  at::Tensor take(const std::string& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return {};
    used_.insert(key);
    return found->second;
  }

  // Returns the one real number in the tensor of this key, and counts it as used; 0 where there is
  // none and it is not `required`. Throws c10::ValueError where it is required, or the tensor is
  // anything else.
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

  // Returns a whole number from 0 up as number() does; throws c10::ValueError at any other number.
  int64_t count(const std::string& key, bool required) {
    constexpr double kMax = 9007199254740992;  // 2^53: exact in float64
    const double value = number(key, required);
    TORCH_CHECK_VALUE(value >= 0 && value <= kMax && value == std::floor(value), source_, ": ", key,
                      ": received ", print_number(value), ", allowed a whole number from 0 up");
    return static_cast<int64_t>(value);
  }

  // Returns a required number as number() does; throws c10::ValueError where it is not finite, or
  // with `positive` not above 0.
  double finite(const std::string& key, bool positive = false) {
    const double value = number(key, /*required=*/true);
    TORCH_CHECK_VALUE(std::isfinite(value) && (!positive || value > 0), source_, ": ", key,
                      ": received ", print_number(value), ", allowed a finite number",
                      positive ? " above 0" : "");
    return value;
  }

  // Returns the tensor of this key, without a copy, and counts it as used. Throws c10::ValueError
  // unless it holds dense finite numbers in this shape; `missing` ends the message where there is
  // none.
  at::Tensor state(const std::string& key, at::IntArrayRef shape, const std::string& missing) {
    const auto t = take(key);
    TORCH_CHECK_VALUE(t.defined(), source_, ": received no ", key, missing);
    TORCH_CHECK_VALUE(is_computable(t.scalar_type()) && t.layout() == at::kStrided && !t.is_meta(),
                      source_, ": ", key, ": received ", t.toString(), ", allowed a tensor of ",
                      kComputable);
    TORCH_CHECK_VALUE(t.sizes() == shape, source_, ": ", key, ": received shape ", t.sizes(),
                      ", allowed ", shape);
    TORCH_CHECK_VALUE(at::isfinite(t).all().item<bool>(), source_, ": ", key,
                      ": received NaN or Inf, allowed finite numbers");
    return t.detach();
  }

  // Throws c10::ValueError where the tensor t of this key has a negative number.
  void require_none_below_zero(const std::string& key, const at::Tensor& t) const {
    TORCH_CHECK_VALUE(!t.lt(0).any().item<bool>(), source_, ": ", key,
                      ": received a negative number, allowed numbers from 0 up");
  }

  // Lists the parameters that the snapshot has state of, in its order.
  std::vector<std::string> saved_names() const {
    std::vector<std::string> names;
    std::unordered_set<std::string> seen;
    for (const auto& [key, tensor] : tensors_) {
      const size_t dot = key.rfind('.');
      if (!key.starts_with(kStatePrefix) || dot < kStatePrefix.size()) continue;
      auto name = key.substr(kStatePrefix.size(), dot - kStatePrefix.size());
      if (seen.insert(name).second) names.push_back(std::move(name));
    }
    return names;
  }

  // Throws c10::ValueError at a tensor that nothing has taken: it would be lost.
  void require_all_used() const {
    for (const auto& [key, tensor] : tensors_) {
      TORCH_CHECK_VALUE(used_.count(key) != 0, source_, ": received ", shown(key),
                        ", which no parameter of this optimizer has");
    }
  }

 private:
  const NamedTensors& tensors_;
  const std::string& source_;
  std::unordered_map<std::string, at::Tensor> by_key_;
  std::unordered_set<std::string> used_;
};

// Lists the names of the plan's parameters.
std::vector<std::string> names_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const auto& param : plan.params) names.push_back(param.name);
  return names;
}

// Returns the end of a message on a `wanted` tensor that is missing: what a person may write where
// the parameter was routed otherwise when its state was saved, as a matrix keeps momentum_buffer
// and any other exp_avg. "" for another kind of tensor or a vector, and where the snapshot has not
// the other one either.
std::string remedy_of_missing(const Reader& reader, const std::string& name,
                              const StateEntry& wanted, const at::Tensor& param) {
  if (wanted.kind != EntryKind::momentum || param.dim() < 2) return "";
  const bool was_matrix = wanted.key == "exp_avg";
  if (!reader.has(kStatePrefix + name + (was_matrix ? ".momentum_buffer" : ".exp_avg"))) return "";
  return std::string(": steepest.route(model, ") + (was_matrix ? "matrix" : "backup") + "=[\"" +
         name + "\"]) makes it what it may have been";
}

// Returns a copy of the state of parameter number `index` of the plan, `param`, which the snapshot
// calls `saved_as`, on the parameter's device; an empty state where its step count is 0 or missing.
// Throws c10::ValueError at a tensor that is missing or wrong.
ParamState read_state(Reader& reader, const Plan& plan, size_t index, const std::string& saved_as,
                      const at::Tensor& param) {
  const auto prefix = kStatePrefix + saved_as + ".";
  ParamState state;
  state.step = reader.count(prefix + "step", /*required=*/false);
  if (state.step == 0) return state;  // tensors without a step belong to nobody
  for (const auto& wanted : engine::state_entries(plan, index)) {
    const auto key = prefix + wanted.key;
    const auto t =
        reader.state(key, wanted.shape, remedy_of_missing(reader, saved_as, wanted, param));
    if (wanted.kind == EntryKind::dual || wanted.key == "exp_avg_sq")
      reader.require_none_below_zero(key, t);
    // The engine computes with momentum and second moments of any dtype.
    const auto dtype =
        wanted.like_param() ? t.scalar_type() : engine::state_dtype(wanted, plan, index, param);
    wanted.of(state) = t.to(param.device(), dtype, /*non_blocking=*/false, /*copy=*/true);
  }
  return state;
}

// Returns the network's step count and, under Momo after the first step, copies of its averages and
// f_star; throws c10::ValueError where one is missing or not finite.
GlobalState read_global(Reader& reader, const Plan& plan) {
  GlobalState global{.step = reader.count("global.step", /*required=*/true)};
  if (global.step == 0 || plan.recipe.step_size != StepSize::momo) return global;
  const auto read = [&](const char* key, bool positive = false) {
    reader.finite(key, positive);
    return reader.take(key).detach().to(at::kDouble).reshape({}).clone();
  };
  global.loss_average = read("global.loss_average");
  global.weight = read("global.weight", /*positive=*/true);
  global.f_star = read("global.f_star");
  const std::string found = "global.auto_rate";
  if (engine::has_auto_numbers(plan.recipe) && reader.has(found)) {  // else they begin anew
    const auto numbers = reader.state(found, {engine::kAutoNumbers}, "");
    reader.require_none_below_zero(found, numbers);
    global.auto_rate = numbers.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  }
  return global;
}

// Sets state.observed and state.observed_weight to the weighted sum and the weight of the losses
// that no step has used yet; leaves both where the snapshot has none. Throws c10::ValueError where
// it has only one of them.
void read_observed(Reader& reader, WholeState& state, const std::string& source) {
  const auto sum = reader.take("global.observed");
  const auto weight = reader.take("global.observed_weight");
  TORCH_CHECK_VALUE(sum.defined() == weight.defined(), source,
                    ": received one of global.observed and global.observed_weight, allowed both");
  if (!sum.defined()) return;
  reader.finite("global.observed");
  state.observed = sum.detach().to(at::kDouble).reshape({}).clone();
  state.observed_weight = reader.finite("global.observed_weight", /*positive=*/true);
}

}  // namespace

// Returns a copy of all state, checked against the plan. Throws c10::ValueError, which begins with
// `source`, at anything that does not fit or would be left over.
WholeState Snapshot::read(const Plan& plan, const SnapshotTarget& target,
                          const std::string& source) const {
  WholeState state{.rates = read_rates(metadata, plan, target, source)};
  Reader reader(tensors, source);
  const auto own = names_of(plan), saved = reader.saved_names();
  const auto saved_as = match_names(own, saved);
  std::unordered_set<std::string> matched;
  for (const auto& [name, its] : saved_as) matched.insert(its);
  const bool all_matched =
      std::ranges::all_of(saved, [&](const auto& name) { return matched.count(name) != 0; });
  TORCH_CHECK_VALUE(all_matched, source, ": ", name_difference(saved, own));
  check_places(metadata, plan, saved_as, source);
  for (size_t i = 0; i < own.size(); ++i)
    state.params.push_back(read_state(reader, plan, i, saved_as.at(own[i]), target.params[i]));
  state.global = read_global(reader, plan);
  state.skipped = reader.count("global.skipped", /*required=*/false);
  read_observed(reader, state, source);
  reader.require_all_used();
  return state;
}

}  // namespace steepest
