// SPDX-License-Identifier: Apache-2.0
// Every named optimizer, and its Momo form, is for 20 steps what its paper says: the numbers below
// are the papers', the steps a plain loop's.
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "steepest/optimizer.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/options/validate.h"
#include "tests/support/engine_run.h"
#include "tests/support/face.h"
#include "tests/support/plain_loop.h"

namespace steepest::test {
namespace {

constexpr int kSteps = 20;
constexpr double kFStar = 0.2;

// out, in (channels), kernel taps of each parameter of the tiny network; {matrix, r, c, taps}.
struct Shape {
  double out, in, taps = 1;
};
const std::map<std::string, Shape> kShapes = {{"mix", {4, 3}},     {"conv", {2, 3, 2}},
                                              {"experts", {3, 3}}, {"embedding", {7, 3}},
                                              {"bias", {1, 4}},    {"offset", {1, 2}}};

using Radius = double (*)(const Shape&);
double none(const Shape&) { return 1; }
double original(const Shape& s) { return std::sqrt(std::max(1.0, s.out / (s.in * s.taps))); }
double spectral_conv(const Shape& s) { return 50 * std::sqrt(s.out / s.in) / s.taps; }
double sign_ball(const Shape& s) { return 3000 / s.in; }

struct Side {  // matrices, or the rest
  std::string norm;
  double lr;
  PlainMomentum momentum = {};
  Radius radius = none;
  double decay = 0, beta2 = 0.95, eps = 1e-8;
  bool coupled = false, normuon = false;
};

struct Row {
  std::string outer, update;
  Side matrix, backup;
};

const PlainMomentum kNone{.b = 0};
const PlainMomentum kAdam{.b = 0.9, .start = "corrected"};
const PlainMomentum kMuon{.nesterov = true, .start = "zero"};
const PlainMomentum kBall{.ball = true, .nesterov = true, .start = "zero"};
const PlainMomentum kOrthogonal{.b = 0.9, .ball = true, .start = "zero", .after = true};
const PlainMomentum kLions{.b = 0.9, .start = "zero"};

// Adam's numbers (.9, .95), which Jordan's programs take for what is not a matrix.
Side adam_of(double lr, double beta2, double eps = 1e-8, double decay = 0) {
  return {"ada_inf", lr, kAdam, none, decay, beta2, eps};
}

Row ky_fan_row(const std::string& norm, Radius radius, double lr = 0.03) {
  return {"max", "constrained", {norm, lr, kBall, radius}, adam_of(3e-3, 0.95)};
}

const std::map<std::string, Row>& rows() {
  const Side adam{"ada_inf", 1e-3, kAdam, none, 0, 0.999, 1e-8, true};
  const Side signum{"inf", 3e-3, {.b = 0.9, .start = "zero"}};
  const Side adamw = adam_of(1e-3, 0.999, 1e-8, 1e-2);
  static const std::map<std::string, Row> all = {
      {"sgd", {"l2", "regularized", {"frobenius", 1e-3, kNone}, {"l2", 1e-3, kNone}}},
      {"normalized-sgd", {"l2", "constrained", {"frobenius", 0.3}, {"l2", 0.3}}},
      {"signsgd", {"max", "constrained", {"inf", 1e-2, kNone}, {"inf", 1e-2, kNone}}},
      {"signum", {"max", "constrained", signum, signum}},
      {"adam", {"max", "constrained", adam, adam}},
      {"adamw", {"max", "constrained", adamw, adamw}},
      {"muon",
       {"max",
        "constrained",
        {"spectral", 0.03, kMuon, original, 0.1},
        adam_of(3e-3, 0.999, 1e-8, 1e-2)}},
      {"muon-jordan",
       {"max", "constrained", {"spectral", 0.03, kBall, original}, adam_of(3e-3, 0.95, 1e-10)}},
      {"muon-adam", {"max", "constrained", {"spectral", 0.03}, {"ada_inf", 3e-3}}},
      {"normuon",
       {"max",
        "constrained",
        {"spectral", 0.03, kMuon, original, 0, 0.95, 1e-8, false, true},
        adam_of(3e-3, 0.95)}},
      {"scion", {"max", "constrained", {"spectral", 0.03}, {"inf", 3e-3}}},
      {"scion-lions",
       {"max",
        "constrained",
        {"spectral", std::exp2(-12), kLions, spectral_conv, 1},
        {"inf", std::exp2(-12), kLions, sign_ball, 1}}},
      {"polargrad", {"l2", "regularized", {"spectral", 1e-1}, {"ada_2", 3e-3}}},
      {"muonmax", {"hybrid", "regularized", {"spectral", 0.03}, {"ada_2", 3e-3}}},
      {"neon", {"l2", "regularized", {"nuclear", 1}, {"ada_2", 3e-3}}},
      {"f-star", {"l2", "regularized", {"f_star", 1}, {"ada_2", 3e-3}}},
      {"k-rank", {"l2", "regularized", {"k_support(k=5)", 0.3}, {"ada_2", 3e-3}}},
      {"fanion", ky_fan_row("ky_fan(k=5)", original)},
      {"f-muon", ky_fan_row("0.5*spectral+0.5*frobenius", original)},
      {"s-muon", ky_fan_row("0.5*spectral+0.0015*inf", none)},
      {"f-neon", ky_fan_row("0.5*nuclear+0.5*frobenius", original, 0.3)},
      {"orthogonal-sgdm",
       {"max", "constrained", {"spectral", 1e-2, kOrthogonal}, adam_of(3e-3, 0.95)}},
  };
  return all;
}

// Rows whose loops are in tests/python/test_family_*.py, and soap's, in curvature_test.cpp.
bool has_its_own_test(const Recipe& row) {
  static const std::set<std::string> all = {
      "soap",      "kl-soap",      "shampoo", "asgo",   "kl-shampoo", "shampoomax", "dion",
      "dion2",     "cosmos",       "lion",    "muonh",  "adamh",      "muown",      "adamuon",
      "muon-plus", "muon-squared", "muoneq",  "aurora", "soap-muon"};
  return all.count(row.name) > 0;
}

// The fused matrix has parts of unequal shape, hence of unequal radius: left out here.
std::vector<Leaf> even_leaves() {
  auto leaves = tiny_leaves();
  leaves[2].view = {};
  leaves[2].parts = leaves[0].parts;
  return leaves;
}

Shape shape_of(const Leaf& leaf) {
  return leaf.name == "fused" ? Shape{7, 4} : kShapes.at(leaf.name);
}

// One momentum for all under Momo: the matrices', from the first gradient unless corrected.
Row with_momo(Row row) {
  auto& m = row.matrix.momentum;
  if (m.start == "zero") m.start = "first";
  row.backup.momentum = m;
  return row;
}

PlainLoop plain_loop(const Row& row, bool momo, const std::vector<Leaf>& leaves) {
  std::vector<PlainParam> params;
  for (const auto& leaf : leaves) {
    const bool matrix = leaf.role == Role::matrix;
    const auto& side = matrix ? row.matrix : row.backup;
    params.push_back({.w = leaf.value.clone(),
                      .matrix = matrix,
                      .norm = side.norm,
                      .group = static_cast<size_t>(leaf.group),
                      .radius = side.radius(shape_of(leaf)),
                      .momentum = side.momentum,
                      .beta2 = side.beta2,
                      .eps = side.eps,
                      .coupled = side.coupled,
                      .normuon = side.normuon,
                      .parts = leaf.parts});
  }
  return {{row.outer, row.update, momo, false, false, kFStar}, params};
}

// The largest difference in 20 steps. `faster` multiplies the rates, so that Momo has a say.
double compare(const std::string& name, const Row& row, bool momo, double faster) {
  auto leaves = even_leaves();
  auto plain = plain_loop(row, momo, leaves);
  SCOPED_TRACE(name);
  const auto r = recipe(name, exactly({.f_star = kFStar}));
  EngineRun engine(r, leaves);
  const auto& [a, b] = std::tie(row.matrix, row.backup);
  double worst = 0;
  for (int t = 0; t < kSteps; ++t) {
    const auto [loss, grads] = evaluate(engine.weights(), t);
    const double s = faster * (1 - t / 40.0);
    plain.step(grads, loss, {a.lr * s, a.lr * s, b.lr * s, b.lr * s},
               {a.decay, a.decay, b.decay, b.decay});
    const auto& [m, k] = std::tie(r.matrix, r.backup);
    engine.step(grads, loss, {m.lr * s, m.lr * s, k.lr * s, k.lr * s},
                {m.weight_decay, m.weight_decay, k.weight_decay, k.weight_decay});
    std::vector<at::Tensor> theirs;
    for (const auto& p : plain.params) theirs.push_back(p.w);
    worst = std::max(worst, largest_difference(engine.weights(), theirs));
  }
  return worst;
}

TEST(Catalog, every_row_is_its_papers_formula) {
  double all = 0;
  for (const auto& row : optimizer_catalog()) {
    if (has_its_own_test(row)) continue;
    ASSERT_EQ(rows().count(row.name), 1u) << row.name << " has no formula here";
    const double worst = compare(row.name, rows().at(row.name), false, 1);
    EXPECT_LT(worst, 1e-9) << row.name;
    all = std::max(all, worst);
  }
  std::cout << "largest difference: " << all << "\n";
}

TEST(Catalog, every_momo_form_is_its_papers_formula) {
  double all = 0;
  for (const auto& row : optimizer_catalog()) {
    if (row.matrix.place == MomentumPlace::after) continue;  // has no Momo form
    if (has_its_own_test(row)) continue;
    const double worst = compare(row.name + "-momo", with_momo(rows().at(row.name)), true, 20);
    EXPECT_LT(worst, 1e-9) << row.name;
    all = std::max(all, worst);
  }
  std::cout << "largest difference: " << all << "\n";
}

TEST(Catalog, names_are_listed_once_and_found) {
  std::map<std::string, int> seen;
  for (const auto& name : optimizer_names()) {
    EXPECT_EQ(++seen[name], 1) << name;
    EXPECT_EQ(recipe(name).name, name);
  }
  EXPECT_EQ(seen.count("muonmax-momo"), 1u);
  EXPECT_EQ(seen.count("orthogonal-sgdm-momo"), 0u);
  EXPECT_EQ(seen.count("dion-momo"), 0u);
  EXPECT_EQ(recipe("neon(k=4)").matrix.norm, "ky_fan(k=4)");
}

TEST(Catalog, the_arguments_of_a_row_are_those_of_its_norm) {
  const auto norm = [](const char* row) { return recipe(row).matrix.norm; };
  EXPECT_EQ(norm("fanion(k=3)"), "ky_fan(k=3)");
  EXPECT_EQ(norm("k-rank(k=2)-momo"), "k_support(k=2)");
  EXPECT_EQ(norm("dion(rank_fraction=0.25)"), "dion(rank_fraction=0.25)");
  EXPECT_EQ(norm("cosmos(gamma=0.5)"), "cosmos(gamma=0.5)");
  EXPECT_EQ(norm("soap(refresh=1)"), "soap(refresh=1)");
  EXPECT_NE(refusal([&] { norm("muon(k=2)"); }), "");
  EXPECT_NE(refusal([&] { norm("f-neon(k=2)"); }), "");
  EXPECT_NE(refusal([&] { norm("dion(k=2)"); }), "");
}

TEST(Catalog, every_row_names_its_paper_and_equation) {
  for (const auto& row : optimizer_catalog()) {
    EXPECT_FALSE(row.paper.empty()) << row.name;
    EXPECT_FALSE(row.equation.empty()) << row.name;
  }
}

TEST(Overrides, momentum_means_both_sides_where_the_row_has_one_map) {
  for (const auto* name : {"sgd", "scion", "muonmax", "muon-momo"}) {
    const auto r = recipe(name, {.momentum = 0.8, .nesterov = true});
    EXPECT_TRUE(same_momentum(r.matrix, r.backup)) << name;
    EXPECT_EQ(r.backup.momentum, 0.8) << name;
  }
  EXPECT_EQ(recipe("muon", {.momentum = 0.8}).backup.momentum, 0.9);
  EXPECT_EQ(recipe("sgd", {.momentum = 0.8, .backup_momentum = 0.5}).backup.momentum, 0.5);
  const auto r = recipe("scion", {.backup_nesterov = true, .backup_start = "corrected"});
  EXPECT_TRUE(r.backup.nesterov && r.backup.start == MomentumStart::corrected &&
              !r.matrix.nesterov);
}

TEST(Overrides, a_groups_polar_express_takes_the_steps_its_recipe_needs) {
  const Group group{.params = {{"w", at::ones({4, 4})}}, .options = {.polar = "polar_express"}};
  const auto steps = [&](const char* name) {
    Optimizer optimizer(Groups{group}, recipe(name, {.polar = "svd"}));
    return optimizer.plan().groups[0].choices.solvers.polar.steps;
  };
  EXPECT_EQ(steps("muon-adam"), 5);
  EXPECT_EQ(steps("polargrad"), 6);
}

}  // namespace
}  // namespace steepest::test
