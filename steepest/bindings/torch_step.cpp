// SPDX-License-Identifier: Apache-2.0
// torch.ops.steepest.step_ and what belongs to it. The operators hold nothing; what a step changes
// is marked (a!) in its schema and belongs to the caller.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/library.h>

#include <nlohmann/json.hpp>

#include "steepest/bindings/bound_state.h"
#include "steepest/bindings/torch_lists.h"
#include "steepest/distributed/sharing.h"
#include "steepest/engine/check.h"
#include "steepest/engine/entries.h"
#include "steepest/engine/step.h"
#include "steepest/engine/survey.h"
#include "steepest/serialize/recipe_json.h"

namespace steepest {
namespace {

using Json = nlohmann::ordered_json;
using Tensors = at::TensorList;
using OptionalTensors = c10::List<std::optional<at::Tensor>>;

// Describes the plan of a JSON text, as JSON: {"state": [[names of parameter 0's state tensors],
// ..], "shaped": [[those of the parameter's own shape], ..], "leaves": [[parameter 0's numbers
// among all matrices, the leaves of the outer norm], ..], "leaf_count": of all, "table": text for a
// person, "owners": of each block, where processes share the parameters, "recipe": all of its
// choices}
std::string layout(const std::string& text) {
  const auto kept = plan_of(text);
  const auto& plan = *kept;
  const auto& whole = plan.sharing ? plan.sharing->whole : plan;
  Json state = Json::array(), shaped = Json::array(), leaves = Json::array();
  for (const auto& of_param : whole.layouts) {
    Json names = Json::array(), like_param = Json::array();
    for (const auto& entry : of_param.state) {
      names.push_back(entry.key);
      if (entry.like_param()) like_param.push_back(entry.key);
    }
    state.push_back(names), shaped.push_back(like_param);
    Json own = Json::array();
    for (const size_t index : of_param.blocks) {
      const auto& block = whole.blocks[index];
      for (int64_t leaf = 0; leaf < block.batch; ++leaf) own.push_back(block.leaf + leaf);
    }
    leaves.push_back(own);
  }
  return Json{{"state", state},
              {"shaped", shaped},
              {"leaves", leaves},
              {"leaf_count", plan.leaves},
              {"table", print_plan(plan)},
              {"owners", plan.sharing ? Json(plan.sharing->owners) : Json::array()},
              {"recipe", Json::parse(recipe_json(plan.recipe))}}
      .dump();
}

// Appends to `tensors`, in layout()'s order, the state that parameter number `index` of the plan
// has before its first step; `value` is the parameter itself. Throws c10::ValueError where it is
// not what was planned.
void append_initial_state(std::vector<at::Tensor>& tensors, const Plan& plan,
                          const at::Tensor& value, int64_t index) {
  const auto params = static_cast<int64_t>(plan.params.size());
  TORCH_CHECK_VALUE(index >= 0 && index < params, "steepest::make_state: index: received ", index,
                    ", allowed 0 to ", params - 1);
  ParamState none;
  engine::check_param(plan, index, {value, {}, &none});
  for (const auto& entry : engine::state_entries(plan, index)) {
    tensors.push_back(engine::initial_state(entry, plan, index, value));
  }
}

// Returns the state tensors, before its first step and in layout()'s order, of the parameter
// `value`, whose number in the plan of the JSON `text` is `index`.
std::vector<at::Tensor> make_state_tensors(const at::Tensor& value, const std::string& text,
                                           int64_t index) {
  std::vector<at::Tensor> tensors;
  append_initial_state(tensors, *plan_of(text), value, index);
  return tensors;
}

// Returns the states, before their first step, of the parameters `values`, whose numbers in the
// plan of the JSON `text` are `indices`: one list of tensors, parameter after parameter. So a long
// plan is looked up once for all.
std::vector<at::Tensor> make_states(Tensors values, const std::string& text,
                                    at::IntArrayRef indices) {
  TORCH_CHECK_VALUE(values.size() == indices.size(), "steepest::make_states: indices: received ",
                    indices.size(), ", allowed one for each of ", values.size(), " values");
  const auto plan = plan_of(text);
  std::vector<at::Tensor> tensors;
  for (size_t k = 0; k < indices.size(); ++k)
    append_initial_state(tensors, *plan, values[k], indices[k]);
  return tensors;
}

constexpr int64_t kStats = 4;  // skipped, D, q, f~ - f*; then the coefficient of every leaf

// Writes what Momo keeps of the network into the caller's tensors, from which bind_global reads it:
// the step count into momo_step, the loss average, its weight, f_star and the numbers of lr_auto
// into momo. It does nothing where momo has fewer elements: the recipe has no Momo.
void write_back_global(const GlobalState& global, const at::Tensor& momo_step,
                       const at::Tensor& momo) {
  if (momo.numel() < 3) return;
  momo_step.fill_(static_cast<double>(global.step));
  if (global.loss_average.defined()) momo.copy_(momo_numbers(global));
}

// Writes a step's statistics to `out` [kStats + leaves] float64: whether it was skipped (1 or 0),
// the network's dual norm D, Momo's factor q and gap f~ - f*, then the coefficient of each matrix
// (leaf). What the recipe does not compute is NaN in the first kStats, and left as it was in the
// coefficients.
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

// Takes one engine::step in place on params, steps, state and momo, under the plan of the JSON
// `text`; params to state, and live, are as in StepLists, momo_step and momo as in bind_global. lr,
// weight_decay and momentum have one number a group, loss is one number, for Momo, and stats is
// filled by write_stats. A skipped step writes stats alone.
void step_(Tensors params, const OptionalTensors& grads, Tensors steps, Tensors state,
           const at::Tensor& momo_step, const at::Tensor& momo, const at::Tensor& stats,
           const std::string& text, at::IntArrayRef live, c10::ArrayRef<double> lr,
           c10::ArrayRef<double> weight_decay, c10::ArrayRef<double> momentum,
           const std::optional<at::Tensor>& loss) {
  const at::NoGradGuard no_grad;
  const auto kept = plan_of(text);
  check_momentum(*kept, momentum);
  check_stats(*kept, stats);
  check_momo(*kept, momo_step, momo);
  const Plan& plan = *kept;
  const StepLists lists{params, grads, steps, state, live};
  BoundState bound(plan, lists, "step_");
  check_live(plan, lists);
  auto global = bind_global(momo_step, momo);
  const auto rates = read_rates(plan, lr, weight_decay, momentum);
  const auto result =
      engine::step(plan, bound.params(), global, rates, loss.value_or(at::Tensor()));
  if (!result.skipped) {
    bound.write_back();
    write_back_global(global, momo_step, momo);
  }
  write_stats(result, stats);
}

// Throws c10::ValueError where a step under the plan of the JSON `text` would refuse these rates,
// one a group.
void check_rates_of(const std::string& text, c10::ArrayRef<double> lr,
                    c10::ArrayRef<double> weight_decay) {
  const auto plan = plan_of(text);
  engine::check_rates(*plan, read_rates(*plan, lr, weight_decay));
}

// Returns the table of engine::survey, [leaves, 5] float64 on the CPU: row i has the numbers of
// leaf i as layout() counts them (the factor of the direction, the dual norm, the direction's root
// mean square, the spectral norm of W, the polar factor's error). `text` is the plan as JSON,
// `live` has the indices of the parameters with state, steps and state are theirs alone, and lr has
// one number a group. No weight decay is read, so lr stands in its place too.
at::Tensor survey_(Tensors params, const OptionalTensors& grads, Tensors steps, Tensors state,
                   const std::string& text, at::IntArrayRef live, c10::ArrayRef<double> lr) {
  const at::NoGradGuard no_grad;
  const auto kept = plan_of(text);
  const auto* sharing = kept->sharing.get();
  TORCH_CHECK_VALUE(!sharing || sharing->holds_everything(),
                    "stats: received sharded parameters, allowed whole ones, as of one process or "
                    "of replicas");
  const StepLists lists{params, grads, steps, state, live};
  BoundState bound(*kept, lists, "survey");
  const Plan& plan = sharing ? sharing->whole : *kept;
  return engine::survey(plan, bound.params(), read_rates(plan, lr, lr));
}

}  // namespace
}  // namespace steepest

// Declares the operators of a step; (a!) marks what they write. One that takes no tensors has no
// device to be dispatched by, and is bound here; the others are bound below.
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
  m.def("check_rates(str plan, float[] lr, float[] weight_decay) -> ()", &steepest::check_rates_of);
  m.def("layout(str plan) -> str", &steepest::layout);
}

// Binds the operators that take tensors, for tensors of every device.
TORCH_LIBRARY_IMPL(steepest, CompositeExplicitAutograd, m) {
  m.impl("step_", &steepest::step_);
  m.impl("survey", &steepest::survey_);
  m.impl("make_state", &steepest::make_state_tensors);
  m.impl("make_states", &steepest::make_states);
}
