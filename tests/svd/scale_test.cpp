// SPDX-License-Identifier: Apache-2.0
// A power of two times A: the same vectors bit for bit, s times that power. Up to both ends of the
// range.

#include <cmath>
#include <limits>

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

class Scale : public testing::TestWithParam<std::string> {
 protected:
  Triplets solve(const at::Tensor& a) const {
    return top_triplets(a, 3, {.method = GetParam(), .fallback = false});
  }
};

INSTANTIATE_TEST_SUITE_P(Methods, Scale, testing::ValuesIn(svd_methods()),
                         [](const auto& info) { return info.param; });

void expect_same_vectors(const Triplets& x, const Triplets& y) {
  EXPECT_TRUE(at::equal(x.u, y.u));
  EXPECT_TRUE(at::equal(x.vh, y.vh));
  EXPECT_EQ(x.passes, y.passes);
}

TEST_P(Scale, PowersOfTwoChangeNoBit) {
  for (const auto dtype : {at::kDouble, at::kFloat, at::kBFloat16}) {
    const auto a = gaussian({1, 60, 44}, 1).to(dtype);
    const auto plain = solve(a);
    for (const int power : {-100, -17, 1, 60, 120}) {
      const double factor = std::ldexp(1, power);
      const auto scaled = solve(a * factor);
      expect_same_vectors(plain, scaled);
      EXPECT_TRUE(at::equal(plain.s * factor, scaled.s)) << power;
      EXPECT_TRUE(at::equal(plain.attained * factor, scaled.attained)) << power;
    }
  }
}

TEST_P(Scale, ReachesBothEndsOfFloat32) {
  const auto unit = gaussian({1, 50, 40}, 2).to(at::kFloat);
  const auto a = unit / unit.abs().max();
  for (const double scale : {1e-38, 1e-30, 1e-20, 1e18, 1e30, 3e38}) {
    const auto b = a * scale;
    const auto t = solve(b);
    EXPECT_TRUE(b.isfinite().all().item<bool>());
    EXPECT_LE(largest(t.s / (solve(a).s * scale) - 1), 1e-5) << scale;
    EXPECT_NEAR(inner_product(b[0], direction(t)) / number(t.attained), 1, 1e-5) << scale;
  }
}

TEST_P(Scale, DenormalsAreNumbersToo) {
  const double smallest = std::numeric_limits<float>::denorm_min();
  const auto integers = (gaussian({1, 50, 40}, 3) * 100).round();
  const auto a = (integers * smallest).to(at::kFloat);
  ASSERT_GT(largest(a), 0);
  const auto t = solve(a), plain = solve(integers.to(at::kFloat));
  expect_same_vectors(plain, t);
  EXPECT_TRUE(at::equal(plain.s * smallest, t.s));
}

TEST_P(Scale, ReachesBothEndsOfFloat64) {
  const auto a = gaussian({1, 50, 40}, 4);
  for (const int power : {-1040, -1000, 900, 1010}) {
    const auto b = a * std::ldexp(1, power / 2) * std::ldexp(1, power - power / 2);
    const auto t = solve(b);
    EXPECT_TRUE(t.u.isfinite().all().item<bool>()) << power;
    EXPECT_LE(orthonormality(t.u[0]), 1e-12) << power;
    EXPECT_GT(number(t.s.min()), 0) << power;
    EXPECT_TRUE(t.s.isfinite().all().item<bool>()) << power;
  }
}

TEST_P(Scale, EachMatrixOfABatchHasItsOwn) {
  const auto a = gaussian({1, 50, 40}, 5).to(at::kFloat);
  const auto t = solve(at::cat({a, a * 0x1p-90, at::zeros_like(a), a * 0x1p90}));
  const auto alone = solve(a);
  for (const auto& [b, factor] : {std::pair{0, 1.}, {1, 0x1p-90}, {2, 0.}, {3, 0x1p90}}) {
    EXPECT_TRUE(at::equal(t.s[b], alone.s[0] * factor)) << b;
    EXPECT_TRUE(at::equal(t.u[b], factor > 0 ? alone.u[0] : at::zeros_like(alone.u[0]))) << b;
  }
}

}  // namespace
}  // namespace steepest::test
