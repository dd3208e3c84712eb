// SPDX-License-Identifier: Apache-2.0
// SOAP for 20 steps beside a loop written from its paper, and Momo forms of directions that no norm
// alone gives. The matrices are square: of a gradient of lower rank the basis is not unique, and so
// neither is SOAP.
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <iostream>

#include "steepest/options/choice_names.h"
#include "tests/support/engine_run.h"
#include "tests/support/plain_loop.h"

namespace steepest::test {
namespace {

constexpr int kSteps = 20;

std::vector<Leaf> square_leaves(at::Generator& generator) {
  const auto values = [&](at::IntArrayRef shape) {
    return at::randn(shape, generator, at::kDouble) * 0.3;
  };
  const auto each = [](const at::Tensor& t) { return t.unbind(0); };
  return {{"a", values({5, 5}), Role::matrix, 0, {}, {}},
          {"b", values({5, 5}), Role::matrix, 0, {}, {}},
          {"experts", values({3, 4, 4}), Role::matrix, 0, {.batch = true}, each},
          {"row", values({1, 6}), Role::matrix, 0, {}, {}},
          {"bias", values({6}), Role::backup, 1, {}, {}}};
}

struct Case {
  std::string recipe;
  Overrides overrides;
  PlainMomentum momentum;
  bool soap = true, normuon = false, missing = false;
};

// The largest difference in 20 steps, and the smallest q.
std::pair<double, double> compare(const Case& c) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
  auto leaves = square_leaves(generator);
  const auto row = recipe(c.recipe, exactly(c.overrides));
  const bool momo = row.step_size == StepSize::momo;
  std::vector<PlainParam> params;
  for (const auto& leaf : leaves) {
    const bool matrix = leaf.role == Role::matrix;
    params.push_back({.w = leaf.value.clone(),
                      .matrix = matrix,
                      .norm = matrix ? (c.soap ? "soap" : "spectral") : "ada_inf",
                      .group = static_cast<size_t>(leaf.group),
                      .momentum = c.momentum,
                      .beta2 = row.backup.beta2,
                      .normuon = matrix && c.normuon,
                      .parts = leaf.parts});
  }
  PlainLoop plain({name_of(row.outer), name_of(row.update), momo, false, false, 0.1}, params);
  EngineRun engine(row, leaves);
  double worst = 0, smallest = 1;
  for (int t = 0; t < kSteps; ++t) {
    std::vector<at::Tensor> grads;
    const auto weights = engine.weights();
    for (size_t i = 0; i < weights.size(); ++i) {
      const auto noise = at::randn(weights[i].sizes(), generator, at::kDouble);
      grads.push_back(0.5 * noise + weights[i]);
      if (c.missing && (t + i) % 5 == 3) grads.back() = at::Tensor();
    }
    const double loss = 0.5 * std::pow(0.9, t) + 0.1, eta = momo ? 0.1 : 0.01;
    smallest = std::min(smallest, plain.step(grads, loss, {eta, eta / 3}, {0.1, 0.1}).q);
    engine.step(grads, loss, {eta, eta / 3}, {0.1, 0.1});
    std::vector<at::Tensor> theirs;
    for (const auto& p : plain.params) theirs.push_back(p.w);
    worst = std::max(worst, largest_difference(engine.weights(), theirs));
  }
  return {worst, smallest};
}

const PlainMomentum kSoap{.b = 0.95, .start = "corrected"};
const PlainMomentum kFirst{.b = 0.95};

TEST(Curvature, soap_is_its_papers_loop) {
  const auto [worst, q] = compare({"soap", {}, kSoap});
  EXPECT_LT(worst, 1e-9);
  std::cout << "soap: " << worst << "\n";
}

TEST(Curvature, soap_with_missing_gradients) {
  const auto [worst, q] = compare({.recipe = "soap", .momentum = kSoap, .missing = true});
  EXPECT_LT(worst, 1e-9);
}

TEST(Curvature, soap_takes_the_step_that_momo_allows) {
  const auto [worst, q] = compare({"soap-momo", {.f_star = 0.1}, kSoap});
  EXPECT_LT(worst, 1e-9);
  EXPECT_LT(q, 0.9);  // the model had a say
  std::cout << "soap-momo: " << worst << ", smallest q " << q << "\n";
}

// Stored or computed twice, a direction and what it leaves in the state are the same.
TEST(Curvature, recomputed_directions_are_the_stored_ones) {
  for (const char* name : {"soap-momo", "normuon-momo"}) {
    std::vector<std::vector<at::Tensor>> results;
    for (const char* directions : {"stored", "recomputed"}) {
      auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
      EngineRun engine(recipe(name, exactly({.f_star = 0.1, .directions = directions})),
                       square_leaves(generator));
      for (int t = 0; t < 12; ++t) {
        std::vector<at::Tensor> grads;
        for (const auto& w : engine.weights())
          grads.push_back(at::randn(w.sizes(), generator, at::kDouble) + w);
        engine.step(grads, 0.5, {0.1, 0.1}, {0, 0});
      }
      auto all = engine.weights();
      for (const auto& state : engine.states)
        all.insert(all.end(), state.slots.begin(), state.slots.end());
      results.push_back(copies(all));
    }
    EXPECT_EQ(largest_difference(results[0], results[1]), 0) << name;
  }
}

TEST(Curvature, normuon_under_every_outer_norm) {
  for (const char* outer : {"max", "l2", "hybrid"}) {
    for (const char* update : {"constrained", "regularized"}) {
      const Overrides overrides{.beta2 = 0.95,
                                .nesterov = false,
                                .outer = outer,
                                .update = update,
                                .radius = "none",
                                .momentum_form = "ema",
                                .start = "first",
                                .backup_start = "first"};
      Case c{"normuon", overrides, kFirst, false, true};
      c.overrides.backup_momentum = 0.95;
      const auto [worst, q] = compare(c);
      EXPECT_LT(worst, 1e-9) << outer << " " << update;
    }
  }
}

}  // namespace
}  // namespace steepest::test
