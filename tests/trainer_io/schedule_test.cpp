// SPDX-License-Identifier: Apache-2.0
// Against values computed by hand.
#include "trainer/schedule.h"

#include <gtest/gtest.h>

#include <vector>

namespace steepest::trainer {
namespace {

void expect_factors(const ScheduleSpec& spec, const std::vector<double>& expected) {
  const auto steps = static_cast<int64_t>(expected.size());
  for (int64_t step = 0; step < steps; ++step) {
    EXPECT_NEAR(schedule_factor(spec, step, steps), expected[static_cast<size_t>(step)], 1e-15)
        << spec.kind << " at " << step;
  }
}

TEST(Schedule, Constant) {
  expect_factors({}, {1, 1, 1});
  expect_factors({.warmup = 3}, {0.25, 0.5, 0.75, 1, 1});
}

TEST(Schedule, ConstantThenLinear) {
  // 11 steps, constant up to step 4.4 -> 1 - (step - 4.4) / 5.6 of the way to the floor.
  expect_factors({.kind = "constant_linear", .constant_fraction = 0.4, .floor = 0},
                 {1, 1, 1, 1, 1, 5 / 5.6, 4 / 5.6, 3 / 5.6, 2 / 5.6, 1 / 5.6, 0});
  expect_factors({.kind = "constant_linear", .constant_fraction = 0.4, .floor = 0.1},
                 {1, 1, 1, 1, 1, 0.1 + 0.9 * 5 / 5.6, 0.1 + 0.9 * 4 / 5.6, 0.1 + 0.9 * 3 / 5.6,
                  0.1 + 0.9 * 2 / 5.6, 0.1 + 0.9 * 1 / 5.6, 0.1});
}

TEST(Schedule, ConstantThenLinearWithAWarmup) {
  expect_factors({.kind = "constant_linear", .warmup = 1, .constant_fraction = 0.5, .floor = 0},
                 {0.5, 1, 1, 1, 0.5, 0});  // down from step 3 to step 5
  // A warm-up beyond the constant part: the descent begins where it ends.
  expect_factors({.kind = "constant_linear", .warmup = 4, .constant_fraction = 0, .floor = 0},
                 {0.2, 0.4, 0.6, 0.8, 1, 0.5, 0});
}

TEST(Schedule, LinearFromTheFirstStep) {
  expect_factors({.kind = "constant_linear", .constant_fraction = 0, .floor = 0},
                 {1, 0.75, 0.5, 0.25, 0});
}

TEST(Schedule, ConstantThroughout) {
  expect_factors({.kind = "constant_linear", .constant_fraction = 1}, {1, 1, 1, 1});
}

TEST(Schedule, Cosine) {
  const double half = 0.70710678118654752440;  // cos(pi / 4)
  expect_factors({.kind = "cosine", .floor = 0}, {1, (1 + half) / 2, 0.5, (1 - half) / 2, 0});
  expect_factors({.kind = "cosine", .warmup = 1, .floor = 0.2},
                 {0.5, 1, 0.2 + 0.8 * (1 + half) / 2, 0.6, 0.2 + 0.8 * (1 - half) / 2, 0.2});
}

TEST(Schedule, ShortRuns) {
  for (const std::string kind : {"constant", "constant_linear", "cosine"}) {
    EXPECT_EQ(schedule_factor({.kind = kind, .constant_fraction = 0}, 0, 1), 1) << kind;
    EXPECT_EQ(schedule_factor({.kind = kind, .warmup = 5}, 4, 5), 5.0 / 6) << kind;
  }
}

TEST(Schedule, NeverLeavesTheRangeFromFloorToOne) {
  for (const std::string kind : {"constant_linear", "cosine"}) {
    for (int64_t warmup = 0; warmup <= 20; warmup += 4) {
      double before = 2;
      for (int64_t step = warmup; step < 20; ++step) {
        const double factor =
            schedule_factor({.kind = kind, .warmup = warmup, .floor = 0.3}, step, 20);
        EXPECT_GE(factor, 0.3 - 1e-15);
        EXPECT_LE(factor, 1);
        EXPECT_LE(factor, before);
        before = factor;
      }
    }
  }
}

}  // namespace
}  // namespace steepest::trainer
