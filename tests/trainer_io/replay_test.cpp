// SPDX-License-Identifier: Apache-2.0
// What a schedule replays of another run's metrics, against values computed by hand.
#include "trainer/replay.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest::trainer {
namespace {

using test::error_of;
using Numbers = std::vector<double>;

// A run with a line for each step, and a validation among them.
class Replay : public testing::Test {
 protected:
  void write(const std::string& update, const std::string& metrics) {
    test::spill(folder_ / "config.toml",
                "[model]\nkind = \"mlp\"\n[data]\nkind = \"procedural\"\n[optimizer]\nrecipe = "
                "\"muon-adam\"\nupdate = \"" +
                    update + "\"\n");
    test::spill(folder_ / "metrics.jsonl", metrics);
  }
  Numbers factors(ScheduleSpec spec, int64_t steps) const {
    spec.kind = "replay", spec.path = folder_.path();
    return replay_factors(spec, steps);
  }
  std::string refusal(const ScheduleSpec& spec, int64_t steps) const {
    return error_of([&] { factors(spec, steps); });
  }

  test::Folder folder_;
};

constexpr char kMetrics[] =
    "{\"step\":1,\"lr\":0.25,\"q\":1.0,\"D\":4.0}\n"
    "{\"step\":1,\"val_loss\":3.0}\n"
    "{\"step\":2,\"lr\":0.25,\"q\":0.5,\"refused\":[\"loss\"]}\n"
    "{\"step\":3,\"lr\":1.0,\"q\":0.0,\"D\":8.0}\n"
    "{\"step\":4,\"lr\":0.0,\"q\":2.0,\"D\":0.0}\n";

TEST_F(Replay, DIsTakenWithoutItsRate) {
  write("regularized", kMetrics);
  // D / sqrt(lr); a refused step, and one at rate 0, have what the step before has.
  EXPECT_EQ(factors({.key = "D"}, 4), (Numbers{8, 8, 8, 8}));
  write("constrained", kMetrics);
  EXPECT_EQ(factors({.key = "D"}, 4), (Numbers{16, 16, 8, 8}));
}

TEST_F(Replay, AnyOtherColumnIsTakenAsItIs) {
  write("constrained", kMetrics);
  EXPECT_EQ(factors({.key = "q"}, 4), (Numbers{1, 0.5, 0, 2}));
  EXPECT_EQ(factors({.key = "lr"}, 2), (Numbers{0.25, 0.25}));
}

TEST_F(Replay, DetrendedItIsOneOverItWithMeanOne) {
  write("constrained", kMetrics);
  const auto found = factors({.key = "D", .detrend = true}, 4);
  const double mean = std::sqrt(16.0 * 8.0);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(found[i], mean / (i < 2 ? 16 : 8), 1e-12);
}

TEST_F(Replay, WhatCannotBeReplayedGetsOneLine) {
  write("constrained", kMetrics);
  EXPECT_NE(refusal({.key = "D"}, 5).find("a run of 4 steps, allowed one of run.steps = 5"),
            std::string::npos);
  EXPECT_NE(
      refusal({.key = "f_star"}, 4).find("schedule.key: received \"f_star\", allowed a number"),
      std::string::npos);
  EXPECT_EQ(refusal({.key = "q", .smooth = 1}, 4),
            "schedule.key: received \"q\", which is 0 at step 3, allowed numbers above 0 with "
            "smooth or detrend");
  write("constrained", "{\"step\":1,\"x\":-1}\n");
  EXPECT_NE(refusal({.key = "x"}, 1).find("allowed numbers from 0"), std::string::npos);
  EXPECT_TRUE(replay_factors({.kind = "constant"}, 9).empty());
}

TEST(GeometricMeans, AreCentredAndKeepAnExponential) {
  const Numbers numbers = {1, 2, 4, 8, 16};
  const auto kept = geometric_means(numbers, 2);
  for (size_t i = 0; i < numbers.size(); ++i) EXPECT_NEAR(kept[i], numbers[i], 1e-13 * numbers[i]);
  const auto means = geometric_means({1, 8, 1, 1}, 1);
  EXPECT_NEAR(means[0], 1, 1e-14);  // at the ends over fewer, on both sides alike
  EXPECT_NEAR(means[1], 2, 1e-14);
  EXPECT_NEAR(means[2], 2, 1e-14);
  EXPECT_NEAR(means[3], 1, 1e-14);
  EXPECT_EQ(geometric_means(numbers, 0), numbers);
}

}  // namespace
}  // namespace steepest::trainer
