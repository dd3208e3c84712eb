// SPDX-License-Identifier: Apache-2.0
// Every way to keep momentum, before the norm and after it, alone and inside Momo's model: equal to
// weighted sums over all gradients so far.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/engine_run.h"
#include "tests/support/plain_loop.h"

namespace steepest::test {
namespace {

constexpr int kSteps = 20;
const std::vector<double> kRates = {0.05, 0.02, 0.01, 0.03};
const std::vector<double> kDecays = {0.02, 0.05, 0, 0.1};

std::vector<PlainMomentum> all_momenta() {
  std::vector<PlainMomentum> all;
  for (const bool ball : {false, true})
    for (const bool nesterov : {false, true})
      for (const char* start : {"zero", "corrected", "first"})
        for (const double dampening : {0.0, 0.3}) {
          if (ball ? start == std::string("corrected") : dampening > 0) continue;  // refused
          all.push_back({0.9, ball, dampening, nesterov, start});
        }
  return all;
}

std::string describe(const PlainMomentum& m) {
  return std::string(m.ball ? "heavy_ball" : "ema") + (m.nesterov ? " nesterov " : " ") + m.start +
         " dampening " + std::to_string(m.dampening);
}

Overrides overrides_of(const PlainMomentum& m) {
  return exactly({.momentum = m.b,
                  .dampening = m.dampening,
                  .nesterov = m.nesterov,
                  .momentum_form = m.ball ? "heavy_ball" : "ema",
                  .start = m.start,
                  .momentum_place = m.after ? "after" : "before"});
}

struct Case {
  PlainRule rule;
  PlainMomentum momentum;
  std::string matrix_norm, backup_norm;
  bool coupled = false;
};

double tenth(double x) { return x / 10; }

double compare(const Case& c, Recipe r) {
  for (auto* side : {&r.matrix, &r.backup}) {
    *side = override_choices(*side, overrides_of(c.momentum));
    if (side == &r.backup) side->place = MomentumPlace::before;
    side->norm = side == &r.matrix ? c.matrix_norm : c.backup_norm;
    side->decoupled = !c.coupled;
  }
  std::vector<PlainParam> params;
  auto leaves = tiny_leaves();
  for (const auto& leaf : leaves) {
    const bool matrix = leaf.role == Role::matrix;
    params.push_back({.w = leaf.value.clone(),
                      .matrix = matrix,
                      .norm = matrix ? c.matrix_norm : c.backup_norm,
                      .group = static_cast<size_t>(leaf.group),
                      .momentum = c.momentum,
                      .coupled = c.coupled,
                      .parts = leaf.parts});
  }
  PlainLoop plain(c.rule, params);
  EngineRun engine(r, leaves);
  double worst = 0;
  for (int t = 0; t < kSteps; ++t) {
    const auto [loss, grads] = evaluate(engine.weights(), t);
    auto rates = kRates;  // a ball's steps add up to 1 / (1 - b) of an EMA's
    if (c.momentum.ball) std::transform(rates.begin(), rates.end(), rates.begin(), tenth);
    plain.step(grads, loss, rates, kDecays);
    engine.step(grads, loss, rates, kDecays);
    std::vector<at::Tensor> theirs;
    for (const auto& p : plain.params) theirs.push_back(p.w);
    worst = std::max(worst, largest_difference(engine.weights(), theirs));
  }
  return worst;
}

Recipe rule_recipe(const PlainRule& rule) {
  return recipe("muon-adam", exactly({.f_star = rule.f_star,
                                      .outer = rule.outer,
                                      .update = rule.update,
                                      .step_size = rule.momo ? "momo" : "fixed",
                                      .duals = rule.stale ? "stale" : "fresh"}));
}

TEST(Momentum, every_form_without_duals) {
  const PlainRule rule{"max", "constrained"};
  for (const auto& m : all_momenta()) {
    EXPECT_LT(compare({rule, m, "spectral", "ada_inf"}, rule_recipe(rule)), 1e-9) << describe(m);
  }
}

TEST(Momentum, every_form_with_sharp) {
  const PlainRule rule{"l2", "regularized"};
  for (const auto& m : all_momenta()) {
    EXPECT_LT(compare({rule, m, "nuclear", "ada_inf"}, rule_recipe(rule)), 1e-9) << describe(m);
  }
}

// A parameter that misses a gradient enters the model with the mean of those it had.
TEST(Momentum, every_form_inside_momos_model) {
  for (const auto& rule : {PlainRule{"hybrid", "regularized", true, false, false, 0.3},
                           PlainRule{"max", "constrained", true, true, false, 0.3}}) {
    for (const auto& m : all_momenta()) {
      EXPECT_LT(compare({rule, m, "spectral", "ada_inf"}, rule_recipe(rule)), 1e-9)
          << rule.outer << " " << describe(m);
    }
  }
}

TEST(Momentum, every_form_after_the_norm) {
  const PlainRule rule{"max", "constrained"};
  for (auto m : all_momenta()) {
    m.after = true;
    if (m.start == "corrected") continue;
    EXPECT_LT(compare({rule, m, "spectral", "inf"}, rule_recipe(rule)), 1e-9) << describe(m);
  }
}

TEST(Momentum, coupled_decay_is_part_of_the_gradient) {
  const PlainRule rule{"max", "constrained"};
  for (const auto& m : all_momenta()) {
    const Case c{rule, m, "spectral", "ada_inf", true};
    EXPECT_LT(compare(c, rule_recipe(rule)), 1e-9) << describe(m);
  }
}

TEST(Momentum, without_momentum_no_form_matters_and_no_buffer_is_kept) {
  const PlainRule rule{"l2", "constrained"};
  for (auto m : all_momenta()) {
    m.b = 0;
    EXPECT_LT(compare({rule, m, "spectral", "l2"}, rule_recipe(rule)), 1e-9) << describe(m);
  }
  EngineRun engine(recipe("sgd"), tiny_leaves());
  const auto [loss, grads] = evaluate(engine.weights(), 1);
  engine.step(grads, loss, kRates, kDecays);
  for (const auto& state : engine.states) EXPECT_FALSE(state.momentum_buffer.defined());
}

}  // namespace
}  // namespace steepest::test
