// SPDX-License-Identifier: Apache-2.0
#include "trainer/dry_run.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/rand.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <sstream>

#include "steepest/base/text.h"
#include "steepest/engine/entries.h"
#include "steepest/optimizer_groups.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/plan.h"
#include "steepest/polar/polar.h"
#include "trainer/config/config.h"
#include "trainer/data/images.h"
#include "trainer/distributed/shares.h"
#include "trainer/models/cost.h"
#include "trainer/session.h"
#include "trainer/units.h"

namespace steepest::trainer {
namespace {

// A run's model without memory, its groups, and the plan of its optimizer.
struct Shapes {
  // Throws as cost_of.
  explicit Shapes(const RunSpec& spec)
      : model(make_model(spec.model, spec.seed, at::kMeta)),
        groups(make_groups(*model, spec.groups)),
        recipe(steepest::recipe(spec.recipe, spec.optimizer)) {
    GroupLayout layout(recipe);
    for (size_t g = 0; g < groups.size(); ++g) layout.add(groups[g], groups[g].params, g);
    plan = make_plan(recipe, std::move(layout.params), std::move(layout.groups));
  }

  std::unique_ptr<Model> model;
  Groups groups;
  Recipe recipe;
  Plan plan;
};

// The bytes of all state tensors of the optimizer, after its first step.
double state_bytes(const Shapes& shapes) {
  const at::Tensor like = at::empty({}, at::TensorOptions(at::kFloat).device(at::kMeta));
  double bytes = 0;
  for (size_t p = 0; p < shapes.plan.params.size(); ++p)
    for (const auto& entry : shapes.plan.layouts[p].state) {
      double count = 1;
      for (const int64_t size : entry.shape) count *= static_cast<double>(size);
      const auto dtype = engine::state_dtype(entry, shapes.plan, p, like);
      bytes += count * static_cast<double>(c10::elementSize(dtype));
    }
  return bytes;
}

// Whether the norm's directions are made of polar factors and of nothing else that takes products.
bool is_polar(const std::string& norm) {
  return norm.find("spectral") != std::string::npos && norm.find("ky_fan") == std::string::npos &&
         norm.find("nuclear") == std::string::npos;
}

// The number behind "steps=" in what a solver says of itself; nothing where it takes no fixed
// number.
std::optional<int64_t> steps_in(const std::string& solver) {
  const size_t at = solver.find("steps=");
  int64_t steps = 0;
  if (at == std::string::npos) return std::nullopt;
  const char* begin = solver.data() + at + 6;
  const auto [end, error] = std::from_chars(begin, solver.data() + solver.size(), steps);
  return error == std::errc() ? std::optional(steps) : std::nullopt;
}

// The solver of a group's polar factors in its own words, of weights in float32.
std::string polar_of(const Choices& choices) {
  std::string text = make_polar(choices.solvers.polar)->describe();
  if (const size_t at = text.find("dtype=input"); at != text.npos)
    text.replace(at + 6, 5, "float32");
  return text;
}

// Adds the products of one block's directions: of n x m matrices, n <= m, a step of the iteration
// takes X X^T, its square, and their product with X: 4 n^2 m + 2 n^3. Counted in full, though
// kernels may leave out half of a symmetric product, and the Gram form takes fewer.
void add_block(const Plan& plan, const Block& block, double items, RunCost& cost) {
  const auto& rules = plan.rules_of(block);
  if (rules.traits.elementwise) return;
  const auto steps =
      is_polar(rules.norm->name()) ? steps_in(polar_of(plan.choices(block))) : std::nullopt;
  if (!steps) {
    cost.optimizer_flops = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  const auto n = static_cast<double>(std::min(block.rows, block.cols));
  const auto m = static_cast<double>(std::max(block.rows, block.cols));
  const auto t = static_cast<double>(*steps), count = static_cast<double>(block.batch);
  cost.optimizer_flops += count * t * (4 * n * n * m + 2 * n * n * n);
  cost.published_bound = std::max(cost.published_bound, t * n / items);  // NaN stays NaN
}

// The tokens, or images, of a step.
double items_a_step(const RunSpec& spec) {
  const bool sequences = spec.model.kind == "gpt" && spec.data.kind != "modular";
  return static_cast<double>(spec.data.batch * (sequences ? spec.data.context : 1));
}

RunCost count(const RunSpec& spec, const Shapes& shapes) {
  RunCost cost;
  cost.parameters = parameter_count(*shapes.model);
  cost.weights = cost.gradients = static_cast<double>(cost.parameters) * sizeof(float);
  cost.state = state_bytes(shapes);
  const int64_t tokens = spec.data.kind == "modular" ? 3 : spec.data.context;
  const auto pass = pass_cost(spec.model, tokens, side_of(spec.data));
  const auto rows = static_cast<double>(spec.data.batch);
  cost.pass_flops = 3 * pass.flops * rows;
  cost.activations = pass.values * (rows / static_cast<double>(spec.accumulate)) *
                     (spec.bfloat16 ? 2 : sizeof(float));
  if (spec.model.kind == "matrix") {  // two products, whatever the rows
    const auto size = static_cast<double>(spec.model.matrix.size);
    cost.pass_flops = 4 * size * size * size;
    cost.activations = 2 * size * size * sizeof(float);
  }
  if (spec.model.kind != "gpt" && spec.model.kind != "mlp")  // weights meet more than the items
    cost.published_bound = std::numeric_limits<double>::quiet_NaN();
  for (const auto& block : shapes.plan.blocks)
    add_block(shapes.plan, block, items_a_step(spec), cost);
  cost.items = items_a_step(spec) * static_cast<double>(spec.steps);
  return cost;
}

// A line for each of the optimizer's groups: its role, the number of its tensors, and the learning
// rate and weight decay with which a run begins, before the schedule's factor.
std::string rates_text(const Shapes& shapes) {
  std::string text;
  for (const auto& group : shapes.groups) {
    const auto options = options_of(shapes.recipe, group);
    text += (group.role == Role::matrix ? "matrix: " : "non-matrix: ") +
            std::to_string(group.params.size()) + " tensors, lr " + print_number(options->lr) +
            ", weight_decay " + print_number(options->weight_decay) + "\n";
  }
  return text;
}

// A line for each of the plan's groups of matrices: its norm, and how polar factors are computed
// where it needs them.
std::string solvers_text(const Plan& plan) {
  std::string text;
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    if (plan.groups[g].role != Role::matrix) continue;
    const std::string norm = plan.rules[g].norm->name();
    text += "group " + std::to_string(g) + ": " + norm +
            (is_polar(norm) ? ", " + polar_of(plan.groups[g].choices) : "") + "\n";
  }
  return text;
}

// A share as "0.873 %".
std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %%", 100 * share);
  return text;
}

// The operations a second of products [1024, 1024] in float32 here, of the best of five.
double speed_here() {
  const at::NoGradGuard no_grad;
  const at::Tensor a = at::rand({1024, 1024}), b = at::rand({1024, 1024});
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    a.matmul(b);
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return 2 * std::pow(1024., 3) / best;
}

// The FLOPs of a step, and what part of them the optimizer's are.
std::string flops_text(const RunCost& c) {
  const std::string text =
      "FLOPs a step: passes " + with_unit(c.pass_flops, "FLOP") + ", optimizer ";
  if (std::isnan(c.optimizer_flops)) return text + "not counted\n";
  if (c.optimizer_flops == 0) return text + "no products\n";
  const std::string bound =
      std::isnan(c.published_bound) ? "" : "; T m / B = " + percent(c.published_bound);
  return text + with_unit(c.optimizer_flops, "FLOP") + ", " +
         percent(c.optimizer_flops / c.pass_flops) + bound + "\n";
}

// Memory, FLOPs, tokens and hours.
std::string cost_text(const RunSpec& spec, const RunCost& c) {
  const double speed = speed_here();
  const double step = c.pass_flops + (std::isnan(c.optimizer_flops) ? 0 : c.optimizer_flops);
  char hours[32];
  std::snprintf(hours, sizeof hours, "%.3g hours",
                step * static_cast<double>(spec.steps) / speed / 3600);
  const bool tokens = spec.model.kind == "gpt" && spec.data.kind != "modular";
  return "memory: weights " + with_unit(c.weights, "B") + ", gradients " +
         with_unit(c.gradients, "B") + ", optimizer " + with_unit(c.state, "B") +
         ", activations about " + with_unit(c.activations, "B") + "\n" + flops_text(c) +
         std::to_string(spec.steps) + " steps, " + std::to_string(std::llround(c.items)) +
         (tokens ? " tokens" : " rows") + "; here " + hours + " at " + with_unit(speed, "FLOP/s") +
         ", the speed of products in float32\n";
}

}  // namespace

RunCost cost_of(const RunSpec& spec) { return count(spec, Shapes(spec)); }

std::string dry_run_text(const RunSpec& spec, int64_t processes) {
  const Shapes shapes(spec);
  const Plan plan = shared_plan(shapes.plan, processes);
  std::ostringstream text;
  text << resolved_toml(spec) << "\n"
       << describe(*shapes.model) << "\n"
       << shapes.groups << "\n"
       << rates_text(shapes) << "\n"
       << solvers_text(shapes.plan) << "\n"
       << print_plan(plan) << "\n"
       << cost_text(spec, count(spec, shapes));
  if (processes > 1) text << "\n" << shares_text(plan);
  return text.str();
}

}  // namespace steepest::trainer
