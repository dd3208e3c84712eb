// SPDX-License-Identifier: Apache-2.0
// Any scale, and matrices without a polar factor of full rank.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/polar/matrices.h"

namespace steepest::polar::test {
namespace {

class Scale : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Methods, Scale, testing::ValuesIn(polar_methods()),
                         [](const auto& info) { return info.param; });

struct Range {
  at::ScalarType dtype;
  std::vector<double> scales;
  // Of the polar factor, against the same matrix at scale 1. Rounding differs where the scale is no
  // power of two, and a schedule that has not converged passes bfloat16's on, multiplied by its
  // slopes.
  double tolerance;
};

// The last of each row makes every entry denormal.
const std::vector<Range>& ranges() {
  static const std::vector<Range> all = {
      {at::kDouble, {1e-300, 1e-38, 1e-30, 1e-20, 1e18, 1e30, 3e38, 1e307, 1e-312}, 1e-9},
      {at::kFloat, {1e-38, 1e-30, 1e-20, 1e18, 1e30, 3e38, 1e-42}, 5e-4},
      {at::kBFloat16, {1e-38, 1e-30, 1e-20, 1e18, 1e30, 3e38, 1e-39}, .15},
      {at::kHalf, {1e-4, 6e-5, 1e4, 6e4, 1e-5}, 3e-2}};
  return all;
}

// x / max|x| in float64, through a power of two: the reciprocal of a denormal overflows.
at::Tensor unscaled(const at::Tensor& x) {
  const double largest = x.abs().max().item<double>();
  const double factor = largest < 1e-280 ? 0x1p1000 : largest > 1e280 ? 0x1p-1000 : 1;
  const at::Tensor wide = x.to(at::kDouble) * factor;
  return wide / (largest * factor);
}

TEST_P(Scale, GivesTheSameAtEveryScale) {
  const auto polar = solver(GetParam());
  at::Tensor x = with_spectrum(logarithmic(6, .1), 6, 9, 3);
  x = x / x.abs().max();
  for (const Range& range : ranges()) {
    for (double scale : range.scales) {
      const at::Tensor scaled = (x * scale).to(range.dtype);
      const at::Tensor y = polar->polar(scaled).to(at::kDouble);
      // What rounding to a denormal left of x; the same method at an everyday scale.
      const at::Tensor same = polar->polar(unscaled(scaled).to(range.dtype)).to(at::kDouble);
      EXPECT_LE(largest(y - same), range.tolerance) << range.dtype << " " << scale;
    }
  }
}

TEST_P(Scale, SameBitsUnderPowersOfTwo) {
  const auto polar = solver(GetParam());
  const at::Tensor x = gaussian({2, 7, 5}, 4);
  for (const auto& [dtype, exponents] :
       {std::pair<at::ScalarType, std::vector<int>>{at::kDouble, {-900, -100, 3, 900}},
        {at::kFloat, {-100, -20, 1, 100}},
        {at::kBFloat16, {-100, -20, 1, 100}},
        {at::kHalf, {-5, 1, 12}}}) {
    const at::Tensor base = x.to(dtype), y = polar->polar(base);
    for (int e : exponents)
      EXPECT_TRUE(at::equal(polar->polar(base.mul(std::ldexp(1., e))), y)) << dtype << " 2^" << e;
  }
}

TEST_P(Scale, ZeroGivesZeroAmongOthers) {
  const auto polar = solver(GetParam());
  for (const Range& range : ranges()) {
    at::Tensor x = gaussian({3, 4, 6}, 8).to(range.dtype);
    x[1].zero_();
    const at::Tensor y = polar->polar(x);
    EXPECT_TRUE(all_finite(y)) << range.dtype;
    EXPECT_EQ(largest(y[1]), 0) << range.dtype;
    EXPECT_GT(largest(y[0]), .1) << range.dtype;
    EXPECT_EQ(largest(polar->polar(at::zeros({1, 1, 1}, range.dtype))), 0);
  }
}

TEST_P(Scale, NullSpaceStaysNull) {
  const auto polar = solver(GetParam());
  const at::Tensor s = at::cat({logarithmic(5, .2), at::zeros(11, at::kDouble)});
  const at::Tensor x = with_spectrum(s, 16, 20, 6);
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    const Judgement j = judge(polar->polar(x.to(dtype)), x);
    EXPECT_LE(j.null, dtype == at::kDouble ? 1e-10 : 2e-2) << dtype;
    EXPECT_LE(j.rest, dtype == at::kDouble ? 1e-10 : 2e-2) << dtype;
    EXPECT_LE(j.diagonal, polar->bound(.05) + 1e-3) << dtype;
  }
  const at::Tensor half = polar->polar(x.to(at::kBFloat16));  // 2^-9 grows with the slopes
  EXPECT_LT(spectral_norm(half.to(at::kDouble)[0]), 1.5);
}

// Rank one: the normalized singular value is 1, where rounding up leaves the schedule's interval.
TEST_P(Scale, AllEqualIsOneDirection) {
  const auto polar = solver(GetParam());
  const double bound = polar->bound(1);
  for (const auto& [dtype, eps] : {std::pair{at::kDouble, 1e-10},
                                   {at::kFloat, 1e-3},
                                   {at::kBFloat16, .15},
                                   {at::kHalf, .02}}) {
    for (const auto& [r, c] :
         {std::pair{5, 8}, {8, 5}, {6, 6}, {1, 9}, {9, 1}, {1, 1}, {1, 1000}}) {
      for (const double value : {1., -.37, 1.99}) {
        const at::Tensor x = at::full({1, r, c}, value, dtype);
        const Judgement j = judge(polar->polar(x), x, 1e-5);
        EXPECT_LE(j.diagonal, bound + eps) << dtype << " " << value << " " << r << "x" << c;
        EXPECT_LE(j.null, eps) << dtype << " " << value << " " << r << "x" << c;
      }
    }
  }
}

TEST_P(Scale, IdentityAndSignsAreTheirOwnPolarFactor) {
  const auto polar = solver(GetParam());
  const at::Tensor signs = at::tensor({1., -1., 1., 1., -1.}, at::kDouble).diag().unsqueeze(0);
  for (const at::Tensor& x : {at::eye(5, at::kDouble).unsqueeze(0), signs, 1e-30 * signs}) {
    const at::Tensor y = polar->polar(x);
    const double bound = polar->bound(1 / std::sqrt(5.)) + 1e-10;
    EXPECT_LE(largest(y - x.sign()), bound);
  }
}

TEST_P(Scale, NotANumberStaysInItsMatrix) {
  const auto polar = solver(GetParam());
  for (const auto bad : {std::nan(""), static_cast<double>(INFINITY)}) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      at::Tensor x = gaussian({3, 20, 20}, 2).to(dtype);
      const at::Tensor clean = polar->polar(x);
      x[1][2][3] = bad;
      const at::Tensor y = polar->polar(x);
      EXPECT_FALSE(all_finite(y[1]));
      EXPECT_LE(largest(y[0] - clean[0]), 1e-5);
      EXPECT_LE(largest(y[2] - clean[2]), 1e-5);
    }
  }
}

}  // namespace
}  // namespace steepest::polar::test
