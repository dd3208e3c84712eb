// SPDX-License-Identifier: Apache-2.0
// Every method against a float64 SVD: shapes, dtypes, and the bound that the method promises.

#include <gtest/gtest.h>

#include <cmath>

#include "steepest/polar/schedules.h"
#include "steepest/polar/solvers.h"
#include "tests/polar/matrices.h"

namespace steepest::polar::test {
namespace {

// Rounding on top of the bound, which is one of exact arithmetic. Newton's rounds s^2: eps / (2
// s^2).
double rounding(at::ScalarType dtype, const std::string& method) {
  if (dtype == at::kDouble) return 1e-10;
  return method == "newton" ? 5e-3 : 5e-4;
}

class Accuracy : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Methods, Accuracy, testing::ValuesIn(polar_methods()),
                         [](const auto& info) { return info.param; });

// The smallest singular value as the solver sees it.
double smallest(const at::Tensor& x) {
  const at::Tensor s = at::linalg_svdvals(x.to(at::kDouble));
  return (s.min() / s.norm()).item<double>();
}

TEST_P(Accuracy, KeepsItsBoundOnEveryShape) {
  const std::vector<std::pair<int64_t, int64_t>> shapes = {{16, 16}, {8, 24}, {24, 8}, {1, 17},
                                                           {17, 1},  {1, 1},  {2, 3},  {40, 33}};
  uint64_t seed = 1;
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    const auto polar = solver(GetParam(), {}, dtype);
    for (const auto& [r, c] : shapes) {
      const at::Tensor x = gaussian({1, r, c}, seed++).to(dtype);
      const at::Tensor y = polar->polar(x);
      ASSERT_EQ(y.sizes(), x.sizes());
      ASSERT_EQ(y.scalar_type(), dtype);
      const Judgement j = judge(y, x);
      EXPECT_LE(j.diagonal, polar->bound(smallest(x)) + rounding(dtype, GetParam()))
          << r << "x" << c;
      EXPECT_LE(j.rest, rounding(dtype, GetParam())) << r << "x" << c;
      EXPECT_LE(j.null, rounding(dtype, GetParam())) << r << "x" << c;
    }
  }
}

TEST_P(Accuracy, KeepsItsBoundOnIllConditionedInput) {
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    const auto polar = solver(GetParam(), {}, dtype);
    const at::Tensor x = with_spectrum(logarithmic(24, 2e-3), 24, 60, 3).to(dtype);
    const Judgement j = judge(polar->polar(x), x);
    EXPECT_LE(j.diagonal, polar->bound(smallest(x)) + rounding(dtype, GetParam()));
    EXPECT_LE(j.rest, rounding(dtype, GetParam()));
  }
}

// The bound is no larger than it must be: on 1 x 1, 2 x 2, ... with a small enough singular value
// some direction comes within a tenth of it.
TEST_P(Accuracy, BoundIsAttained) {
  const auto polar = solver(GetParam(), {}, at::kDouble);
  const double l = 1e-3, bound = polar->bound(l);
  double seen = 0;
  for (double s = l; s < 1; s *= 1.02) {  // 2 x 2 with singular values s and sqrt(1 - s^2), norm 1
    const at::Tensor x = at::tensor({s, 0., 0., std::sqrt(1 - s * s)}, at::kDouble).view({1, 2, 2});
    seen = std::max(seen, judge(polar->polar(x), x).diagonal);
  }
  EXPECT_LE(seen, bound + 1e-10);
  EXPECT_GE(seen, .9 * bound - 1e-10);
}

TEST_P(Accuracy, HalfWidthInput) {
  // bf16 rounds each entry of X by 2^-9; a schedule's slope passes that on to the smallest
  // directions.
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const auto polar = solver(GetParam());
    for (const auto& [r, c] : {std::pair{16, 16}, {12, 40}, {40, 12}, {1, 9}, {9, 1}, {1, 1}}) {
      const at::Tensor s = logarithmic(std::min(r, c), .2);
      const at::Tensor x = with_spectrum(s, r, c, 5).to(dtype);
      const at::Tensor y = polar->polar(x);
      ASSERT_EQ(y.scalar_type(), dtype);
      const Judgement j = judge(y, x);
      const double eps = dtype == at::kBFloat16 ? .08 : .01;
      EXPECT_LE(j.diagonal, polar->bound(smallest(x)) + eps) << dtype << " " << r << "x" << c;
      EXPECT_LE(j.rest, eps) << dtype << " " << r << "x" << c;
    }
  }
}

// <u_1, Y v_1> for a 2 x 2 matrix X with the largest singular value s_1, |X|_F = 1.
double along_the_largest(const PolarSolver& polar, double s1, at::ScalarType dtype, uint64_t seed) {
  const at::Tensor s = at::tensor({s1, std::sqrt(1 - s1 * s1)}, at::kDouble);
  const at::Tensor x = with_spectrum(s, 2, 2, seed);
  const auto [u, sv, vh] = at::linalg_svd(x[0], false);
  const at::Tensor y = polar.polar(x.to(dtype))[0].to(at::kDouble);
  return u.select(1, 0).dot(y.mv(vh[0])).item<double>();
}

// A dominant direction must not turn round: that would be ascent. In half width the polynomials'
// minima are where rounding could do that.
TEST_P(Accuracy, NeverFlipsTheLargestDirection) {
  const auto polar = solver(GetParam());
  uint64_t seed = 17;
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf})
    for (double s1 = .72; s1 < 1; s1 += .004)
      EXPECT_GT(along_the_largest(*polar, s1, dtype, seed += 2), .6) << dtype << " " << s1;
}

TEST_P(Accuracy, EmptyInputGivesEmptyOutput) {
  const auto polar = solver(GetParam());
  for (const auto dtype : {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
    for (const auto& sizes : {std::vector<int64_t>{0, 3, 4}, {2, 0, 4}, {2, 4, 0}, {0, 0, 0}}) {
      const at::Tensor y = polar->polar(at::empty(sizes, dtype));
      EXPECT_EQ(y.sizes(), sizes);
      EXPECT_EQ(y.scalar_type(), dtype);
    }
  }
}

class EverySchedule : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Schedules, EverySchedule, testing::ValuesIn(schedule_names()),
                         [](const auto& info) { return info.param; });

// Not only within the bound: each singular value goes exactly where the schedule sends it.
TEST_P(EverySchedule, SendsEachSingularValueWhereItShould) {
  const Schedule schedule = named_schedule(GetParam());
  const at::Tensor s = logarithmic(20, 1e-4);
  const double norm = s.norm().item<double>();
  for (const std::string& form : {std::string(), std::string("gram_")}) {
    for (int64_t steps : {1, 2, 3, 5, 6, 9}) {
      const at::Tensor x = with_spectrum(s, 20, 31, 11);
      const auto polar = solver(form + GetParam(), steps);
      const auto [u, sv, vh] = at::linalg_svd(x[0], false);
      const at::Tensor is = at::mm(at::mm(u.t(), polar->polar(x)[0]), vh.t()).diagonal();
      for (int64_t i = 0; i < 20; ++i)
        EXPECT_NEAR(is[i].item<double>(), schedule.apply(sv[i].item<double>() / norm, steps), 1e-9)
            << form << steps << " steps, singular value " << i;
    }
  }
}

TEST(Dtype, OfTheProductsIsTheOneAskedFor) {
  const at::Tensor x = with_spectrum(logarithmic(16, .05), 16, 16, 9);
  const auto error = [&](std::optional<at::ScalarType> dtype) {
    return largest(solver("polar_express", 8, dtype)->polar(x) - exact_polar(x));
  };
  const double wide = error(std::nullopt), single = error(at::kFloat), half = error(at::kBFloat16);
  EXPECT_LT(wide, 1e-12);
  EXPECT_TRUE(single > 1e-9 && single < 1e-5) << single;
  EXPECT_TRUE(half > 1e-4 && half < 1e-1) << half;
}

// A singular value by itself, every operation rounded to bfloat16: the same on every processor,
// which a product of bfloat16 matrices is not.
double smallest_in_bfloat16(const Schedule& schedule) {
  at::Tensor x = (at::linspace(.5, .999, 2000) / schedule.safety).to(at::kBFloat16);
  for (int64_t k = 0; k < 5; ++k) {
    const auto p = schedule.at(k);
    const at::Tensor gram = x * x;
    x = x * p.a + (gram * p.b + gram * gram * p.c) * x;
  }
  return x.min().item<double>();
}

// The uncushioned rule turns a singular value round in bfloat16: hence half_width = false.
TEST(Cans, WouldFlipInHalfWidth) {
  EXPECT_LT(smallest_in_bfloat16(named_schedule("cans")), 0);
  EXPECT_FALSE(named_schedule("cans").half_width);
  EXPECT_GT(smallest_in_bfloat16(named_schedule("polar_express")), .6);
  EXPECT_TRUE(named_schedule("polar_express").half_width);
}

TEST(Svd, RankCutIsRelative) {
  // s_min / s_max = 1e-14 is rounding for 8 x 8 in float64 only below 8 * 2.2e-16 = 1.8e-15.
  for (const auto& [ratio, kept] : {std::pair{1e-14, true}, {1e-16, false}}) {
    at::Tensor s = at::ones(8, at::kDouble);
    s[7] = ratio;
    for (double scale : {1., 1e200, 1e-200}) {
      const at::Tensor y = solver("svd")->polar(s.diag().unsqueeze(0) * scale);
      EXPECT_NEAR(y[0][7][7].item<double>(), kept ? 1 : 0, 1e-9) << ratio << " " << scale;
    }
  }
}

TEST(Gram, InSinglePrecisionIsAsGoodAsTheStandardForm) {
  for (const std::string& name : schedule_names()) {
    for (const double low : {1., 1e-4, 1e-10}) {
      const at::Tensor x = with_spectrum(logarithmic(32, low), 32, 128, 21);
      const at::Tensor exact = solver(name)->polar(x);
      const double standard =
          spectral_norm(solver(name)->polar(x.to(at::kFloat)).to(at::kDouble)[0] - exact[0]);
      const double gram = spectral_norm(
          solver("gram_" + name)->polar(x.to(at::kFloat)).to(at::kDouble)[0] - exact[0]);
      EXPECT_LE(gram, 3e-4 + 2 * standard) << name << " " << low;
    }
  }
}

// Why it restarts: without, the error of R grows with the square of the slopes.
TEST(Gram, WithoutRestartsItIsWorse) {
  const at::Tensor x = with_spectrum(logarithmic(32, 1e-4), 32, 128, 21);
  const at::Tensor exact = solver("polar_express", 6)->polar(x);
  const auto error = [&](std::optional<std::vector<int64_t>> restarts) {
    const auto polar =
        make_polar({.method = "gram_polar_express", .steps = 6, .restarts = restarts});
    return largest(polar->polar(x.to(at::kFloat)).to(at::kDouble) - exact);
  };
  EXPECT_GT(error(std::vector<int64_t>{}), 10 * error(std::nullopt));
}

TEST(Newton, NeedsMoreThanHalfWidth) {
  // s^2 drowns: what float64 resolves at s = 1e-6, float32 does not, as its bound says.
  const auto wide = solver("newton", 60, at::kDouble), narrow = solver("newton", 60, at::kFloat);
  EXPECT_LT(wide->bound(1e-6), 1e-2);
  EXPECT_GT(narrow->bound(1e-6), .9);
  const at::Tensor x = with_spectrum(logarithmic(12, 1e-5), 12, 12, 2);
  EXPECT_LT(judge(wide->polar(x), x).diagonal, 1e-3);
  EXPECT_GT(judge(narrow->polar(x), x).diagonal, .5);
}

}  // namespace
}  // namespace steepest::polar::test
