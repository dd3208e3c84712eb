// SPDX-License-Identifier: Apache-2.0
// Singular values by the Gram matrix, and the numbers made of them, against closed forms and torch.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "trainer/record/record_spec.h"
#include "trainer/record/spectrum.h"

namespace steepest::trainer {
namespace {

// A matrix [r, c] with these singular values.
at::Tensor with_values(const std::vector<double>& values, int64_t r, int64_t c) {
  at::manual_seed(7);
  const auto n = static_cast<int64_t>(values.size());
  const auto u = std::get<0>(at::linalg_qr(at::randn({r, n}, at::kDouble)));
  const auto v = std::get<0>(at::linalg_qr(at::randn({c, n}, at::kDouble)));
  return u.matmul(at::tensor(values, at::kDouble).unsqueeze(1) * v.t());
}

TEST(Spectrum, IsThatOfTorch) {
  at::manual_seed(1);
  for (const auto& shape : std::vector<std::vector<int64_t>>{{7, 30}, {30, 7}, {9000, 5}, {1, 4}}) {
    const auto x = at::randn(shape, at::kFloat);
    const auto expected = at::linalg_svdvals(x.to(at::kDouble));
    const auto found = spectrum_of(x);
    ASSERT_EQ(static_cast<int64_t>(found.values.size()), expected.numel());
    EXPECT_EQ(found.lost, 0);
    for (int64_t i = 0; i < expected.numel(); ++i)
      EXPECT_NEAR(found.values[i], expected[i].item<double>(), 1e-12 * found.values[0]);
  }
}

TEST(Spectrum, HasTheRanksOfItsDefinitions) {
  const auto s = spectrum_of(with_values({4, 2, 1, .1}, 6, 5));
  EXPECT_NEAR(s.stable_rank(), 21.01 / 16, 1e-12);
  double entropy = 0;
  for (const double square : {16., 4., 1., .01})
    entropy -= square / 21.01 * std::log(square / 21.01);
  EXPECT_NEAR(s.entropy_rank(), std::exp(entropy), 1e-6);
  EXPECT_NEAR(s.condition_99(), 4, 1e-12);  // 20 / 21.01 is below .99, 21 / 21.01 is not
  EXPECT_EQ(s.lost, 1);                     // of 5, one is zero
}

TEST(Spectrum, OfEqualValuesIsOfFullRank) {
  const auto s = spectrum_of(3 * at::eye(8, at::kFloat));
  for (const double rank : {s.stable_rank(), s.entropy_rank()}) EXPECT_NEAR(rank, 8, 1e-12);
  EXPECT_DOUBLE_EQ(s.condition_99(), 1);
}

TEST(Spectrum, SaysWhatIsLost) {
  const auto s = spectrum_of(with_values({1, 1e-7, 1e-10}, 4, 3));
  ASSERT_EQ(s.values.size(), 2u);
  EXPECT_NEAR(s.values[1], 1e-7, 1e-8);
  EXPECT_EQ(s.lost, 1);
}

TEST(Spectrum, OfTinyAndHugeNumbersIsScaled) {
  for (const double scale : {1e-200, 1e200}) {
    const auto s = spectrum_of(scale * at::eye(3, at::kDouble));
    ASSERT_EQ(s.values.size(), 3u);
    EXPECT_DOUBLE_EQ(s.values[2] / scale, 1);
    EXPECT_NEAR(s.condition_99(), 1, 1e-12);
  }
}

TEST(Spectrum, OfNothingHasNoNumbers) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : {0., nan, std::numeric_limits<double>::infinity()}) {
    const auto s = spectrum_of(at::full({2, 3}, value));
    EXPECT_TRUE(s.values.empty()) << value;
    EXPECT_EQ(s.finite, value == 0) << value;
    EXPECT_TRUE(std::isnan(s.stable_rank()) && std::isnan(s.entropy_rank()) &&
                std::isnan(s.condition_99()));
  }
}

TEST(Spectrum, CosinesAndMeansAreThoseOfTheEntries) {
  const auto x = at::tensor({1., 2., 2.}), y = at::tensor({2., -1., 0.});
  EXPECT_DOUBLE_EQ(root_mean_square(x), std::sqrt(3));
  EXPECT_NEAR(cosine(x, x), 1, 1e-15);
  EXPECT_DOUBLE_EQ(cosine(x, y), 0);
  EXPECT_TRUE(std::isnan(cosine(x, at::zeros(3))));
}

TEST(RecordSpec, IsDueAtItsSteps) {
  const RecordSpec both{.every = 10, .steps = {5, 45}};
  for (const int64_t step : {5, 10, 45, 90}) EXPECT_TRUE(both.is_due(step)) << step;
  EXPECT_FALSE(both.is_due(46));
  EXPECT_FALSE(RecordSpec{}.is_on());
  EXPECT_FALSE(RecordSpec{}.is_due(10));
}

}  // namespace
}  // namespace steepest::trainer
