// SPDX-License-Identifier: Apache-2.0
// Batches of several shapes together: each gets what a solver makes of it alone.
#include "steepest/polar/joint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "steepest/polar/solvers.h"
#include "tests/polar/matrices.h"

namespace steepest::polar {
namespace {

using Shapes = std::vector<std::vector<int64_t>>;

std::vector<at::Tensor> batches_of(const Shapes& shapes, at::ScalarType dtype) {
  std::vector<at::Tensor> batches;
  for (const auto& shape : shapes) batches.push_back(test::gaussian(shape, 17).to(dtype));
  return batches;
}

JointIteration iteration_of(const std::string& name, at::ScalarType dtype) {
  const auto schedule = named_schedule(name);
  return {{schedule.first(schedule.steps), schedule.safety, /*gram=*/true,
           gram_restarts(schedule, schedule.steps)},
          dtype};
}

// Returns the largest difference between joint_polar() and polar factors in float64, and expects
// the scales to be taken.
double difference(const std::string& name, const Shapes& shapes, at::ScalarType dtype,
                  at::ScalarType factors) {
  const auto batches = batches_of(shapes, dtype);
  const auto solver = make_polar({.method = name, .dtype = at::kDouble});
  std::vector<at::Tensor> expected;
  std::vector<double> scales;
  for (const auto& batch : batches) {
    scales.push_back(-0.5 - static_cast<double>(scales.size()));
    expected.push_back(solver->polar(batch.to(at::kDouble)) * scales.back());
  }
  Arena arena;
  joint_polar(iteration_of(name, factors), batches, scales, arena);
  double largest = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    const auto error = (batches[i].to(at::kDouble) - expected[i]).abs().max().item<double>();
    largest = std::max(largest, error / std::abs(scales[i]));
  }
  return largest;
}

// Filled up: several shapes of one shorter side. Gram form: one long shape. Standard form: squares.
const Shapes kFilledUp = {{3, 6, 20}, {2, 20, 6}, {2, 6, 6}, {1, 6, 13}, {4, 9, 9}, {1, 1, 5}};
const Shapes kGram = {{3, 8, 30}}, kTall = {{2, 40, 8}}, kSquares = {{3, 12, 12}};
const Shapes kManyNumbers = {{1, 32, 12000}, {1, 4000, 32}, {1, 32, 32}};  // too many to fill up

TEST(Joint, factors_are_those_of_each_batch_alone) {
  for (const auto& name : schedule_names()) {
    for (const auto& shapes : {kFilledUp, kGram, kTall, kSquares}) {
      EXPECT_LT(difference(name, shapes, at::kDouble, at::kDouble), 1e-7) << name;
      EXPECT_LT(difference(name, shapes, at::kFloat, at::kFloat), 3e-3) << name;
    }
  }
}

TEST(Joint, many_numbers_are_not_filled_up) {
  EXPECT_LT(difference("jordan", kManyNumbers, at::kDouble, at::kDouble), 1e-7);
  EXPECT_LT(difference("jordan", kManyNumbers, at::kFloat, at::kFloat), 3e-3);
}

TEST(Joint, half_precision_is_as_exact_as_alone) {
  for (const auto& shapes : {kFilledUp, kGram, kTall, kSquares})
    EXPECT_LT(difference("jordan", shapes, at::kFloat, at::kBFloat16), 0.2);
}

TEST(Joint, any_scale_and_zero_and_nan) {
  const auto solver = make_polar({.method = "jordan", .dtype = at::kDouble});
  for (const auto& shapes : {kFilledUp, kGram, kSquares}) {
    for (const double scale : {1e-38, 1e-44, 1.0, 1e36}) {
      auto batches = batches_of(shapes, at::kFloat);
      std::vector<at::Tensor> expected;
      for (auto& batch : batches) {
        batch = (batch * scale).contiguous();
        batch.select(0, 0).zero_();
        expected.push_back(solver->polar(batch.to(at::kDouble)));
      }
      Arena arena;
      joint_polar(iteration_of("jordan", at::kFloat), batches,
                  std::vector<double>(batches.size(), 1), arena);
      for (size_t i = 0; i < batches.size(); ++i)
        EXPECT_LT((batches[i] - expected[i]).abs().max().item<double>(), 3e-3) << scale;
    }
    auto batches = batches_of(shapes, at::kFloat);
    for (auto& batch : batches)
      batch.select(0, batch.size(0) - 1).fill_(std::numeric_limits<float>::quiet_NaN());
    Arena arena;
    joint_polar(iteration_of("jordan", at::kFloat), batches, std::vector<double>(batches.size(), 1),
                arena);
    for (const auto& batch : batches) {
      EXPECT_TRUE(batch.select(0, batch.size(0) - 1).isnan().all().item<bool>());
      if (batch.size(0) == 1) continue;
      EXPECT_TRUE(batch.select(0, 0).isfinite().all().item<bool>());
    }
  }
}

// With the arena's memory nothing else is allocated, and the parts do not overlap.
TEST(Joint, an_arena_of_the_size_that_was_needed_serves) {
  for (const auto& shapes : {kFilledUp, kGram, kSquares}) {
    const auto first = batches_of(shapes, at::kFloat), second = batches_of(shapes, at::kFloat);
    const std::vector<double> scales(shapes.size(), 1);
    Arena none;
    joint_polar(iteration_of("jordan", at::kFloat), first, scales, none);
    Arena kept(at::full({none.needed()}, 255, at::kByte));  // NaNs, were they read
    joint_polar(iteration_of("jordan", at::kFloat), second, scales, kept);
    EXPECT_EQ(kept.needed(), none.needed());
    for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], second[i]));
  }
}

}  // namespace
}  // namespace steepest::polar
