// SPDX-License-Identifier: Apache-2.0
// When a loss is a spike.
#include "trainer/run/loss_window.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace steepest::trainer {
namespace {

// A slow descent with a little noise.
double usual(int step) { return 3 - 0.005 * step + 0.05 * std::sin(17.0 * step); }

LossWindow after(int steps) {
  LossWindow window;
  for (int i = 0; i < steps; ++i) EXPECT_TRUE(std::isnan(window.add(usual(i)))) << i;
  return window;
}

TEST(LossWindow, ASpikeHasItsScore) {
  auto window = after(300);
  double mean = 0, squares = 0;
  for (int i = 300 - 128; i < 300; ++i) mean += usual(i) / 128;
  for (int i = 300 - 128; i < 300; ++i) squares += (usual(i) - mean) * (usual(i) - mean) / 128;
  EXPECT_NEAR(window.add(6), (6 - mean) / std::sqrt(squares), 1e-9);
  EXPECT_GT(window.add(6), LossWindow::kSpike);  // the one before does not hide it
  EXPECT_TRUE(std::isnan(window.add(usual(302))));
}

TEST(LossWindow, NothingElseIsOne) {
  auto window = after(static_cast<int>(LossWindow::kMin) - 1);
  EXPECT_TRUE(std::isnan(window.add(1000)));  // too few before it
  window = after(100);
  EXPECT_TRUE(std::isnan(window.add(0)));  // downwards
  EXPECT_TRUE(std::isnan(window.add(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(window.add(std::numeric_limits<double>::infinity())));
  EXPECT_EQ(window.tensor().numel(), 101);
  LossWindow constant;
  for (int i = 0; i < 50; ++i) constant.add(2.3026);
  EXPECT_TRUE(std::isnan(constant.add(2.31)));  // within 6 % of a constant
  EXPECT_FALSE(std::isnan(constant.add(2.5)));
}

TEST(LossWindow, ALastingRiseIsTheNewLevel) {
  auto window = after(200);
  int spikes = 0;
  for (int i = 0; i < 100; ++i) spikes += !std::isnan(window.add(8));
  EXPECT_GE(spikes, 1);
  EXPECT_LT(spikes, 20);
}

TEST(LossWindow, GoesOnWithTheSameBits) {
  auto window = after(90);
  LossWindow again;
  again.restore(window.tensor());
  for (int i = 0; i < 200; ++i) {
    const double a = window.add(i % 40 == 7 ? 50 + i : usual(i));
    const double b = again.add(i % 40 == 7 ? 50 + i : usual(i));
    EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b)));
  }
}

}  // namespace
}  // namespace steepest::trainer
