// SPDX-License-Identifier: Apache-2.0
// torch.ops.steepest.step_ and what belongs to it. The operators hold nothing; what a step changes
// is marked (a!) in its schema and belongs to the caller.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/library.h>

#include <list>
#include <mutex>
#include <nlohmann/json.hpp>

#include "steepest/engine/entries.h"
#include "steepest/engine/step.h"
#include "steepest/engine/survey.h"
#include "steepest/json.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;
using Tensors = at::TensorList;
using OptionalTensors = c10::List<std::optional<at::Tensor>>;

// A plan is a pure function of its text: the last few are kept, so that a step does not parse.
std::shared_ptr<const Plan> plan_of(const std::string& text) {
  static std::mutex mutex;
  static std::list<std::pair<std::string, std::shared_ptr<const Plan>>> kept;
  constexpr size_t kMost = 16;
  const std::lock_guard lock(mutex);
  for (auto it = kept.begin(); it != kept.end(); ++it) {
    if (it->first != text) continue;
    kept.splice(kept.begin(), kept, it);
    return it->second;
  }
  kept.emplace_front(text, std::make_shared<const Plan>(plan_from_json(text)));
  if (kept.size() > kMost) kept.pop_back();
  return kept.front().second;
}

// plan -> {"state": [[names of parameter 0], ..], "leaves": [first leaf and number of parameter 0,
// ..], "momo": bool, "choices": {"matrix", "backup"}}
std::string layout(const std::string& text) {
  const auto& plan = *plan_of(text);
  Json state = Json::array(), leaves = Json::array();
  for (size_t i = 0; i < plan.params.size(); ++i) {
    Json names = Json::array();
    for (const auto& entry : state_entries(plan, i)) names.push_back(entry.key);
    state.push_back(names);
    Json own = Json::array();
    for (const auto& block : plan.blocks) {
      if (block.param != static_cast<int64_t>(i)) continue;
      for (int64_t leaf = 0; leaf < block.batch; ++leaf) own.push_back(block.leaf + leaf);
    }
    leaves.push_back(own);
  }
  return Json{{"state", state},
              {"leaves", leaves},
              {"leaf_count", plan.leaves},
              {"table", print_plan(plan)},
              {"recipe", Json::parse(recipe_json(plan.recipe))}}
      .dump();
}

// Zeros, in layout's order, for parameter number `index`.
std::vector<at::Tensor> make_state_tensors(const at::Tensor& value, const std::string& text,
                                           int64_t index) {
  const auto& plan = *plan_of(text);
  std::vector<at::Tensor> tensors;
  for (const auto& entry : state_entries(plan, index)) {
    tensors.push_back(zeros_for(entry, plan, index, value));
  }
  return tensors;
}

// The same for several parameters, one after the other: one look at a long plan for all.
std::vector<at::Tensor> make_states(Tensors values, const std::string& text,
                                    at::IntArrayRef indices) {
  const auto plan = plan_of(text);
  std::vector<at::Tensor> tensors;
  for (size_t k = 0; k < indices.size(); ++k) {
    for (const auto& entry : state_entries(*plan, indices[k])) {
      tensors.push_back(zeros_for(entry, *plan, indices[k], values[k]));
    }
  }
  return tensors;
}

// The parts of an operator's lists that belong to one optimizer's step.
struct Lists {
  Tensors params;
  const OptionalTensors& grads;
  Tensors steps, state;  // of the parameters in `live` only, which have had a gradient
  at::IntArrayRef live;
};

// Views of the caller's tensors as the engine wants them, and the way back.
class Bound {
 public:
  Bound(const Plan& plan, const Lists& lists) : lists_(lists) {
    states_.resize(lists.params.size());
    for (size_t i = 0; i < lists.params.size(); ++i) {
      const std::optional<at::Tensor> grad = lists.grads.get(i);
      params_.push_back({lists.params[i], grad.value_or(at::Tensor()), &states_[i]});
    }
    size_t at = 0;
    for (size_t k = 0; k < lists.live.size(); ++k) {
      auto& state = states_[lists.live[k]];
      state.step = lists.steps[k].item<int64_t>();
      entries_.push_back(state_entries(plan, lists.live[k]));
      for (const auto& entry : entries_.back()) {
        TORCH_CHECK_VALUE(at < lists.state.size(), "steepest::step_: state: received ",
                          lists.state.size(), " tensors, allowed more");
        if (state.step > 0 || entry.like_param()) entry.of(state) = lists.state[at];
        ++at;
      }
    }
  }

  std::vector<Param>& params() { return params_; }

  // What the engine has replaced rather than changed.
  void write_back() const {
    size_t at = 0;
    for (size_t k = 0; k < lists_.live.size(); ++k) {
      auto state = states_[lists_.live[k]];
      lists_.steps[k].fill_(static_cast<double>(state.step));
      for (const auto& entry : entries_[k]) {
        const auto& now = entry.of(state);
        if (now.defined() && !now.is_same(lists_.state[at])) lists_.state[at].copy_(now);
        ++at;
      }
    }
  }

 private:
  const Lists& lists_;
  std::vector<std::vector<StateEntry>> entries_;  // of the live parameters
  std::vector<ParamState> states_;
  std::vector<Param> params_;
};

std::vector<Rates> rates_of(c10::ArrayRef<double> lr, c10::ArrayRef<double> weight_decay) {
  std::vector<Rates> rates;
  for (size_t g = 0; g < lr.size(); ++g) rates.push_back({lr[g], weight_decay[g]});
  return rates;
}

// Momentum is read at every step, as schedulers cycle it.
Plan with_momentum(Plan plan, c10::ArrayRef<double> momentum) {
  for (size_t g = 0; g < momentum.size(); ++g) {
    auto& group = plan.groups[g];
    group.choices.momentum = momentum[g];
    auto& side = group.role == Role::matrix ? plan.recipe.matrix : plan.recipe.backup;
    side.momentum = momentum[g];
  }
  return plan;
}

bool same_momentum(const Plan& plan, c10::ArrayRef<double> momentum) {
  for (size_t g = 0; g < momentum.size(); ++g) {
    if (plan.groups[g].choices.momentum != momentum[g]) return false;
  }
  return true;
}

constexpr int64_t kMomo = 3;   // loss average, weight, f_star
constexpr int64_t kStats = 4;  // skipped, D, q, f~ - f*; then the coefficient of every leaf

GlobalState bind_global(const at::Tensor& momo_step, const at::Tensor& momo) {
  GlobalState global;
  if (momo.numel() < kMomo) return global;
  global.step = momo_step.item<int64_t>();
  if (global.step == 0) return global;
  global.loss_average = momo[0].clone();
  global.weight = momo[1].clone();
  global.f_star = momo[2].clone();
  return global;
}

void write_back(const GlobalState& global, const at::Tensor& momo_step, const at::Tensor& momo) {
  if (momo.numel() < kMomo) return;
  momo_step.fill_(static_cast<double>(global.step));
  if (!global.loss_average.defined()) return;
  momo.copy_(at::stack({global.loss_average, global.weight, global.f_star}));
}

void write_stats(const StepStats& stats, const at::Tensor& out) {
  const auto put = [&](int64_t at, const at::Tensor& value) {
    if (value.defined()) out[at].copy_(value);
  };
  out.narrow(0, 0, kStats).fill_(std::numeric_limits<double>::quiet_NaN());
  out[0].fill_(stats.skipped ? 1.0 : 0.0);
  put(1, stats.dual), put(2, stats.q), put(3, stats.model);
  if (stats.coefficients.defined())
    out.narrow(0, kStats, out.numel() - kStats).copy_(stats.coefficients);
}

void step_(Tensors params, const OptionalTensors& grads, Tensors steps, Tensors state,
           const at::Tensor& momo_step, const at::Tensor& momo, const at::Tensor& stats,
           const std::string& text, at::IntArrayRef live, c10::ArrayRef<double> lr,
           c10::ArrayRef<double> weight_decay, c10::ArrayRef<double> momentum,
           const std::optional<at::Tensor>& loss) {
  const at::NoGradGuard no_grad;
  const auto kept = plan_of(text);
  std::optional<Plan> changed;
  if (!same_momentum(*kept, momentum)) changed = with_momentum(*kept, momentum);
  const Plan& plan = changed ? *changed : *kept;
  const Lists lists{params, grads, steps, state, live};
  Bound bound(plan, lists);
  auto global = bind_global(momo_step, momo);
  const auto result =
      step(plan, bound.params(), global, rates_of(lr, weight_decay), loss.value_or(at::Tensor()));
  if (!result.skipped) {
    bound.write_back();
    write_back(global, momo_step, momo);
  }
  write_stats(result, stats);
}

// See engine/survey.h.
at::Tensor survey_(Tensors params, const OptionalTensors& grads, Tensors steps, Tensors state,
                   const std::string& text, at::IntArrayRef live, c10::ArrayRef<double> lr) {
  const at::NoGradGuard no_grad;
  const auto kept = plan_of(text);
  const Lists lists{params, grads, steps, state, live};
  Bound bound(*kept, lists);
  return survey(*kept, bound.params(), rates_of(lr, lr));
}

}  // namespace
}  // namespace steepest

TORCH_LIBRARY_FRAGMENT(steepest, m) {
  m.def(
      "step_(Tensor(a!)[] params, Tensor?[] grads, Tensor(b!)[] steps, Tensor(c!)[] state, "
      "Tensor(d!) momo_step, Tensor(e!) momo, Tensor(f!) stats, str plan, int[] live, float[] lr, "
      "float[] weight_decay, float[] momentum, Tensor? loss) -> ()");
  m.def(
      "survey(Tensor[] params, Tensor?[] grads, Tensor[] steps, Tensor[] state, str plan, int[] "
      "live, float[] lr) -> Tensor");
  m.def("make_state(Tensor value, str plan, int index) -> Tensor[]");
  m.def("make_states(Tensor[] values, str plan, int[] indices) -> Tensor[]");
  m.def("layout(str plan) -> str", &steepest::layout);
}

TORCH_LIBRARY_IMPL(steepest, CompositeExplicitAutograd, m) {
  m.impl("step_", &steepest::step_);
  m.impl("survey", &steepest::survey_);
  m.impl("make_state", &steepest::make_state_tensors);
  m.impl("make_states", &steepest::make_states);
}
