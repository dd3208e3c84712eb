// SPDX-License-Identifier: Apache-2.0
// All 18 algorithms of "Non-Euclidean Gradient Descent" and the l2 backup, with fixed and Momo step
// sizes, fresh and stale duals, backups by tensor or flattened: 20 steps equal to a plain loop.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/support/engine_run.h"
#include "tests/support/plain_loop.h"

namespace steepest::test {
namespace {

constexpr int kSteps = 20;

struct Variant {
  std::string outer, update, backup, step_size, duals, backup_blocks;
  std::string name() const {
    return outer + " " + update + " " + backup + " " + step_size + " " + duals + " " +
           backup_blocks;
  }
};

std::vector<Variant> all_variants() {
  std::vector<Variant> all;
  for (const char* outer : {"max", "l2", "hybrid"})
    for (const char* update : {"constrained", "regularized"})
      for (const char* backup : {"inf", "ada_inf", "ada_2", "l2"})
        for (const char* size : {"fixed", "momo"})
          for (const char* duals : {"fresh", "stale"})
            for (const char* blocks : {"per_tensor", "flattened"})
              all.push_back({outer, update, backup, size, duals, blocks});
  return all;
}

// Rates large enough that Momo's cap binds in some steps and not in others.
double base_rate(const Variant& v) {
  if (v.update == "constrained") return v.outer == "max" ? 0.12 : 0.2;
  if (v.outer == "max") return 0.015;
  return v.outer == "l2" ? 0.1 : 0.02;
}

// Unequal in time, and each group's zero for some steps.
std::vector<double> rates_at(const Variant& v, int t) {
  const double base = base_rate(v);
  const double fall = 1 - t / 30.0;
  return {base * fall, t == 3 || t == 4 ? 0 : 0.6 * base, t == 10 ? 0 : 0.2 * base * fall,
          0.3 * base};
}

const std::vector<double> kDecays = {0.02, 0.05, 0, 0.1};
constexpr double kFStar = 0.3;

struct Outcome {
  std::vector<at::Tensor> weights;
  double worst = 0;  // against the plain loop
  int capped = 0, full = 0, below = 0;
};

PlainLoop plain_loop(const Variant& v, const std::vector<Leaf>& leaves) {
  std::vector<PlainParam> params;
  for (const auto& leaf : leaves) {
    const bool matrix = leaf.role == Role::matrix;
    params.push_back({.w = leaf.value.clone(),
                      .matrix = matrix,
                      .norm = matrix ? "spectral" : v.backup,
                      .group = static_cast<size_t>(leaf.group),
                      .parts = leaf.parts});
  }
  return {{v.outer, v.update, v.step_size == "momo", v.duals == "stale",
           v.backup_blocks == "flattened", kFStar},
          params};
}

Recipe recipe_of(const Variant& v) {
  return recipe("muon-adam", exactly({.f_star = kFStar,
                                      .backup = v.backup,
                                      .outer = v.outer,
                                      .update = v.update,
                                      .step_size = v.step_size,
                                      .duals = v.duals,
                                      .backup_blocks = v.backup_blocks}));
}

Outcome run(const Variant& v) {
  auto leaves = tiny_leaves();
  auto plain = plain_loop(v, leaves);
  EngineRun engine(recipe_of(v), leaves);
  Outcome out;
  for (int t = 0; t < kSteps; ++t) {
    const auto [loss, grads] = evaluate(engine.weights(), t);
    const auto rates = rates_at(v, t);
    const auto expected = plain.step(grads, loss, rates, kDecays);
    const auto stats = engine.step(grads, loss, rates, kDecays);
    std::vector<at::Tensor> theirs;
    for (const auto& p : plain.params) theirs.push_back(p.w);
    out.worst = std::max(out.worst, largest_difference(engine.weights(), theirs));
    if (v.step_size == "fixed") continue;
    out.worst = std::max(out.worst, std::abs(stats.q.item<double>() - expected.q));
    out.worst = std::max(out.worst, std::abs(stats.model.item<double>() - expected.gap));
    out.capped += expected.q < 1, out.full += expected.q == 1, out.below += expected.gap < 0;
  }
  out.weights = engine.weights();
  return out;
}

// Every variant is run once, in the order of all_variants().
const std::vector<std::pair<Variant, Outcome>>& outcomes() {
  static const auto all = [] {
    std::vector<std::pair<Variant, Outcome>> out;
    for (const auto& v : all_variants()) out.emplace_back(v, run(v));
    return out;
  }();
  return all;
}

TEST(Variants, equal_the_plain_loop) {
  double worst = 0;
  for (const auto& [variant, out] : outcomes()) {
    EXPECT_LT(out.worst, 1e-9) << variant.name();
    worst = std::max(worst, out.worst);
  }
  std::cout << "largest difference: " << worst << "\n";
}

// Or else the runs above would show nothing of Momo's factor.
TEST(Variants, momo_binds_in_some_steps_and_not_in_others) {
  std::map<std::string, int> below;
  for (const auto& [variant, out] : outcomes()) {
    if (variant.step_size == "fixed") continue;
    EXPECT_GT(out.capped, out.below) << variant.name();
    EXPECT_GT(out.full, 0) << variant.name();
    below[variant.outer] += out.below;
  }
  for (const char* outer : {"max", "l2", "hybrid"}) EXPECT_GT(below[outer], 0) << outer;
}

std::vector<std::string> choices(const Variant& v) {
  return {v.outer, v.update, v.backup, v.step_size, v.duals, v.backup_blocks};
}

// What mathematics makes equal: no dual is used; or flattening changes no sum: the duals of inf and
// ada_inf add under max, the squares of those of l2 and ada_2 under l2.
bool must_agree(const Variant& v, size_t changed) {
  const bool adds = v.backup == "inf" || v.backup == "ada_inf";
  if (changed == 4) return v.outer == "max" && v.update == "constrained" && v.step_size == "fixed";
  return changed == 5 && adds == (v.outer == "max");
}

TEST(Variants, differ_where_one_choice_differs) {
  for (const auto& [a, first] : outcomes()) {
    for (const auto& [b, second] : outcomes()) {
      const auto x = choices(a), y = choices(b);
      size_t changed = 0, count = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        if (x[i] != y[i]) changed = i, ++count;
      }
      if (count != 1) continue;
      const double d = largest_difference(first.weights, second.weights);
      if (must_agree(a, changed)) {
        EXPECT_LT(d, 1e-9) << a.name() << " / " << b.name();
      } else {
        EXPECT_GT(d, 1e-6) << a.name() << " / " << b.name();
      }
    }
  }
}

TEST(Variants, directions_recomputed_are_directions_stored) {
  for (const char* name : {"muonmax-momo", "polargrad-momo", "muon-adam-momo", "muonmax"}) {
    std::vector<std::vector<at::Tensor>> results;
    for (const char* directions : {"stored", "recomputed"}) {
      EngineRun engine(recipe(name, exactly({.f_star = kFStar, .directions = directions})),
                       tiny_leaves());
      for (int t = 0; t < kSteps; ++t) {
        const auto [loss, grads] = evaluate(engine.weights(), t);
        engine.step(grads, loss, {0.02, 0.01, 0.01, 0.03}, kDecays);
      }
      results.push_back(engine.weights());
    }
    EXPECT_EQ(largest_difference(results[0], results[1]), 0) << name;
  }
}

}  // namespace
}  // namespace steepest::test
