// SPDX-License-Identifier: Apache-2.0
// Every rule of decay beside its formula, in one pass and by ATen's operators, alone and in Momo's
// model; and a geometry that only this test has.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

#include "steepest/geometry.h"
#include "tests/support/engine_run.h"

namespace steepest::test {
namespace {

constexpr int kSteps = 10;
constexpr double kLr = 0.05, kDecay = 0.4, kMomentum = 0.9;
const std::vector<std::string> kRules = {"plain", "cautious", "independent", "anchored", "soda"};

at::Generator seeded() { return at::make_generator<at::CPUGeneratorImpl>(11); }

std::vector<Leaf> leaves(at::ScalarType dtype, at::Generator& generator) {
  const auto values = [&](at::IntArrayRef shape) {
    return at::randn(shape, generator, at::kDouble).to(dtype);
  };
  return {{"a", values({6, 5}), Role::matrix, 0, {}, {}},
          {"in_out", values({4, 7}), Role::matrix, 0, {.transposed = true}, {}},
          {"heads", values({6, 8}), Role::matrix, 0, {.num_heads = 2, .split_dim = 1}, {}},
          {"bias", values({5}), Role::backup, 1, {}, {}}};
}

// sign(m) for all of it: the direction of a step without a solver.
Overrides sign_descent(const std::string& rule) {
  return {.momentum = kMomentum,
          .decay = rule,
          .norm = "inf",
          .backup = "inf",
          .radius = "none",
          .backup_radius = "none",
          .momentum_form = "ema",
          .start = "first",
          .backup_start = "first"};
}

at::Tensor decayed(const std::string& rule, const at::Tensor& w, const at::Tensor& s,
                   const at::Tensor& first, int t) {
  if (rule == "cautious") return w - kLr * kDecay * w * (s * w >= 0);
  if (rule == "independent") return w * (1 - kDecay);
  if (rule == "anchored") return w - kLr * kDecay * (w - first);
  if (rule == "soda") return w - kDecay / (t + 2) * (w - first);  // t counts from 0
  return w * (1 - kLr * kDecay);
}

TEST(Decay, every_rule_is_its_formula) {
  for (const auto& rule : kRules) {
    for (const auto dtype : {at::kDouble, at::kFloat, at::kBFloat16}) {
      auto generator = seeded();
      auto all = leaves(dtype, generator);
      EngineRun engine(recipe("signsgd", sign_descent(rule)), all);
      std::vector<at::Tensor> w, first, m(all.size());
      for (const auto& leaf : all) w.push_back(leaf.value.to(at::kDouble).clone());
      first = copies(w);
      for (int t = 0; t < kSteps; ++t) {
        std::vector<at::Tensor> grads;
        for (size_t i = 0; i < w.size(); ++i) {
          const auto g = at::randn(w[i].sizes(), generator, at::kDouble);
          grads.push_back(g.to(dtype));
          m[i] = t == 0 ? g : kMomentum * m[i] + (1 - kMomentum) * g;
          w[i] = decayed(rule, w[i], m[i].sign(), first[i], t) - kLr * m[i].sign();
        }
        engine.step(grads, 1, {kLr, kLr}, {kDecay, kDecay});
      }
      const double tolerance = dtype == at::kDouble ? 1e-13 : dtype == at::kFloat ? 1e-5 : 0.1;
      EXPECT_LT(largest_difference(engine.weights(), w), tolerance) << rule << " " << dtype;
    }
  }
}

// Momo's two forms follow the weights by what a step really takes from them.
TEST(Decay, momos_recursive_model_follows_every_rule) {
  for (const auto& rule : kRules) {
    std::vector<std::vector<at::Tensor>> results;
    for (const char* model : {"inner_products", "recursive"}) {
      auto generator = seeded();
      auto overrides = sign_descent(rule);
      overrides.momo_model = model;
      overrides.step_size = "momo";
      EngineRun engine(recipe("signsgd", overrides), leaves(at::kDouble, generator));
      for (int t = 0; t < kSteps; ++t) {
        std::vector<at::Tensor> grads;
        for (const auto& w : engine.weights())
          grads.push_back(at::randn(w.sizes(), generator, at::kDouble) + w);
        engine.step(grads, 2 + std::pow(0.9, t), {kLr, kLr}, {kDecay, kDecay});
      }
      results.push_back(copies(engine.weights()));
    }
    EXPECT_LT(largest_difference(results[0], results[1]), 1e-11) << rule;
  }
}

TEST(Decay, a_coupled_one_has_no_rule) {
  EXPECT_THROW(recipe("adam", {.decoupled_weight_decay = false, .decay = "cautious"}),
               c10::ValueError);
}

// Lion (arXiv 2302.06675) as its text has it: sign(b1 m + (1 - b1) g), then m <- b2 m + (1 - b2) g.
TEST(Momentum, lion_is_an_average_that_looks_ahead_by_another_weight) {
  constexpr double b1 = 0.9, b2 = 0.99;
  auto generator = seeded();
  auto all = leaves(at::kDouble, generator);
  auto overrides = sign_descent("plain");
  overrides.momentum = b2, overrides.nesterov = true, overrides.nesterov_momentum = b1 / b2;
  overrides.start = overrides.backup_start = "zero";
  EngineRun engine(recipe("signsgd", overrides), all);
  std::vector<at::Tensor> w, m;
  for (const auto& leaf : all) w.push_back(leaf.value.clone()), m.push_back(leaf.value * 0);
  for (int t = 0; t < kSteps; ++t) {
    std::vector<at::Tensor> grads;
    for (size_t i = 0; i < w.size(); ++i) {
      grads.push_back(at::randn(w[i].sizes(), generator, at::kDouble));
      const auto update = (b1 * m[i] + (1 - b1) * grads[i]).sign();
      w[i] = w[i] * (1 - kLr * kDecay) - kLr * update;
      m[i] = b2 * m[i] + (1 - b2) * grads[i];
    }
    engine.step(grads, 1, {kLr, kLr}, {kDecay, kDecay});
  }
  EXPECT_LT(largest_difference(engine.weights(), w), 1e-13);
}

// Matrices of a constant Frobenius norm: the gradient loses its radial part, the step returns.
class Sphere : public Geometry {
 public:
  at::Tensor tangent(const at::Tensor& g, const at::Tensor& w,
                     const GeometryContext&) const override {
    const auto along = (g * w).sum({1, 2}, true) / (w * w).sum({1, 2}, true);
    return g - along * w;
  }
  void retract(const at::Tensor& w, const at::Tensor& before,
               const GeometryContext&) const override {
    const auto norm = [](const at::Tensor& x) { return x.square().sum({1, 2}, true).sqrt(); };
    w.mul_(norm(before) / norm(w));
  }
  std::string name() const override { return "sphere"; }
};

TEST(Geometry, a_step_stays_on_the_manifold) {
  auto generator = seeded();
  EngineRun engine(recipe("signsgd", sign_descent("plain")), leaves(at::kDouble, generator));
  engine.plan.rules[0].geometry = std::make_shared<Sphere>();
  const auto start = copies(engine.weights());
  auto m = at::zeros_like(start[0]), w = start[0].clone();
  for (int t = 0; t < kSteps; ++t) {
    std::vector<at::Tensor> grads;
    for (const auto& x : start) grads.push_back(at::randn(x.sizes(), generator, at::kDouble));
    engine.step(grads, 1, {kLr, kLr}, {0, 0});
    const auto g = grads[0] - (grads[0] * w).sum() / (w * w).sum() * w;
    m = t == 0 ? g : kMomentum * m + (1 - kMomentum) * g;
    const auto moved = w - kLr * m.sign();
    w = moved * (w.norm() / moved.norm());
  }
  const auto weights = engine.weights();
  EXPECT_LT((weights[0] - w).abs().max().item<double>(), 1e-12);
  const auto heads = [](const at::Tensor& t) { return t.view({6, 2, 4}).square().sum({0, 2}); };
  EXPECT_LT((heads(weights[2]) - heads(start[2])).abs().max().item<double>(), 1e-12);
  EXPECT_GT((weights[2] - start[2]).abs().max().item<double>(), 0.1);
}

}  // namespace
}  // namespace steepest::test
