// SPDX-License-Identifier: Apache-2.0
// Optimizer::measure_duals: D of every step of every recipe, and not a bit of the step changed.
#include <gtest/gtest.h>

#include "steepest/serialize/snapshot.h"
#include "tests/support/face.h"

namespace steepest::test {
namespace {

constexpr int kSteps = 4;

// The network's D after each step; NaN where the step has none.
std::vector<double> duals_of(Optimizer& optimizer, int steps) {
  std::vector<double> all;
  for (int t = 0; t < steps; ++t) {
    train_step(optimizer, t);
    const auto& dual = optimizer.stats().dual;
    all.push_back(dual.defined() ? dual.item<double>() : std::nan(""));
  }
  return all;
}

std::vector<at::Tensor> everything(const Optimizer& optimizer) {
  auto all = params_of(optimizer);
  for (const auto& [name, tensor] : Snapshot::of(optimizer).tensors) all.push_back(tensor);
  return all;
}

void expect_same_bits(const std::string& name, const Overrides& overrides, at::ScalarType dtype) {
  const auto row = recipe(name, overrides);
  Optimizer plain(groups_of(tiny_leaves(), dtype), row);
  Optimizer measured(groups_of(tiny_leaves(), dtype), row);
  measured.measure_duals(true);
  duals_of(plain, kSteps);
  for (const double dual : duals_of(measured, kSteps)) EXPECT_GT(dual, 0) << name;
  EXPECT_TRUE(bit_equal(everything(plain), everything(measured))) << name;
}

TEST(MeasureDuals, changes_no_bit_of_any_row) {
  for (const auto& name : optimizer_names()) {
    expect_same_bits(name, {}, at::kDouble);
    expect_same_bits(name, {}, at::kFloat);
  }
}

TEST(MeasureDuals, changes_no_bit_under_other_options) {
  expect_same_bits("muon", {.rescale = "normuon"}, at::kFloat);
  expect_same_bits("polargrad", {.duals = "stale"}, at::kFloat);
  expect_same_bits("polargrad", {.rescale = "normuon"}, at::kFloat);
  expect_same_bits("muon", {.nonfinite = "skip", .start = "corrected"}, at::kFloat);
  expect_same_bits("neon", {.error_feedback = true}, at::kFloat);
}

// A Momo whose bound is out of reach takes every step in full, as the fixed row does, and needs D.
double largest_difference_to_momo(const std::string& name, Overrides overrides) {
  overrides.start = overrides.start.value_or("first");
  overrides.momentum = 0.9;
  Optimizer fixed(groups_of(tiny_leaves()), recipe(name, exactly(overrides)));
  fixed.measure_duals(true);
  overrides.step_size = "momo", overrides.f_star = -1e9;
  Optimizer momo(groups_of(tiny_leaves()), recipe(name, exactly(overrides)));
  const auto received = duals_of(fixed, kSteps), expected = duals_of(momo, kSteps);
  double worst = 0;
  for (int t = 0; t < kSteps; ++t) worst = std::max(worst, std::abs(received[t] / expected[t] - 1));
  return worst;
}

TEST(MeasureDuals, the_number_is_the_one_that_momo_uses) {
  for (const char* outer : {"max", "l2", "hybrid"}) {
    for (const char* update : {"constrained", "regularized"}) {
      for (const char* backup : {"inf", "ada_inf", "ada_2", "l2"}) {
        for (const char* start : {"first", "corrected"}) {
          const double worst = largest_difference_to_momo(
              "muon-adam",
              {.lr = 1e-3, .backup = backup, .outer = outer, .update = update, .start = start});
          EXPECT_LT(worst, 1e-10) << outer << " " << update << " " << backup << " " << start;
        }
      }
    }
  }
}

TEST(MeasureDuals, and_so_under_transforms) {
  for (const char* outer : {"max", "l2"}) {
    const double worst = largest_difference_to_momo(
        "muon-adam", {.lr = 1e-3, .rescale = "normuon", .outer = outer, .update = "regularized"});
    EXPECT_LT(worst, 1e-10) << outer;
  }
}

TEST(MeasureDuals, without_it_a_step_that_needs_none_has_none) {
  Optimizer optimizer(groups_of(tiny_leaves()), recipe("polargrad"));
  train_step(optimizer, 0);
  EXPECT_FALSE(optimizer.stats().dual.defined());
}

}  // namespace
}  // namespace steepest::test
