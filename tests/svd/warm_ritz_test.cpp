// SPDX-License-Identifier: Apache-2.0
// One step from the last vectors: right where it is enough, and not accepted where it is not.

#include "steepest/svd/warm_ritz.h"

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

constexpr double kTol = 1e-2;

at::Tensor decaying(int64_t r, int64_t c, uint64_t seed) {
  return matrix("inverse", r, c, seed).to(at::kFloat);
}
Triplets solve(const at::Tensor& a, int64_t k, const at::Tensor& start = {}) {
  return top_triplets(a, k, {.tol = kTol}, start);
}
// The attained part of the best.
double part(const at::Tensor& a, int64_t k, const Triplets& t) {
  return inner_product(a[0], direction(t)) / Exact(a).sum(k);
}

TEST(WarmRitz, IsEnoughForAMatrixThatHasChangedALittle) {
  for (const auto& [r, c] : {std::pair{120, 90}, {70, 200}, {64, 64}}) {
    for (const int64_t k : {1, 3, 5}) {
      const auto a = decaying(r, c, 3);
      const auto cold = solve(a, k);
      ASSERT_TRUE(cold.warm_start.defined());
      const auto b = a + .002 * gaussian(a.sizes(), 5).to(at::kFloat);
      const auto warm = solve(b, k, cold.warm_start);
      EXPECT_EQ(warm.passes[0], 2) << r << " x " << c << ", " << k;
      EXPECT_GE(part(b, k, warm), 1 - 2 * kTol);
      EXPECT_LE(orthonormality(warm.u[0]), 1e-4);
      EXPECT_LE(orthonormality(warm.vh[0].t()), 1e-4);
      ASSERT_TRUE(warm.warm_start.defined());
      EXPECT_EQ(warm.warm_start.size(2), 16);
    }
  }
}

TEST(WarmRitz, SeesADirectionThatIsAcrossAllOfTheOldOnes) {
  auto a = decaying(120, 90, 3);
  a.narrow(1, 80, 10).zero_(), a.narrow(2, 80, 10).zero_();
  const auto cold = solve(a, 1);
  auto b = a.clone();
  b[0][85][85] = 5 * Exact(a).sum(1);  // in rows and columns where A was zero
  const auto warm = solve(b, 1, cold.warm_start);
  EXPECT_GT(warm.passes[0], 2);
  EXPECT_GE(part(b, 1, warm), 1 - 2 * kTol);
}

TEST(WarmRitz, LeavesAFlatSpectrumAndABadStartToTheOthers) {
  const auto flat = gaussian({1, 120, 90}, 7).to(at::kFloat);
  const auto good = solve(flat, 1);
  const auto next = solve(gaussian({1, 120, 90}, 8).to(at::kFloat), 1, good.warm_start);
  EXPECT_GT(next.passes[0], 2);
  const auto a = decaying(120, 90, 3);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : {0., 1., nan}) {
    const auto t = solve(a, 1, at::full({1, 90, 16}, value, at::kFloat));
    EXPECT_GE(part(a, 1, t), 1 - 2 * kTol) << value;
  }
}

TEST(WarmRitz, ShrinksToo) {
  const auto a = decaying(120, 90, 3);
  const auto cold = shrinkage_triplets(a, {.tol = kTol});
  const auto warm = shrinkage_triplets(a, {.tol = kTol}, cold.triplets.warm_start);
  EXPECT_LE(warm.triplets.passes[0], cold.triplets.passes[0]);
  EXPECT_NEAR(number(warm.tau), number(cold.tau), 1e-3 * number(cold.tau));
}

}  // namespace
}  // namespace steepest::test
