// SPDX-License-Identifier: Apache-2.0
// The parts that the solvers are made of.

#include <ATen/Parallel.h>

#include <cmath>

#include "steepest/svd/golub_kahan.h"
#include "steepest/svd/orthonormal_basis.h"
#include "steepest/svd/pseudo_random.h"
#include "steepest/svd/small_eigen.h"
#include "steepest/svd/small_svd.h"
#include "steepest/svd/stop.h"
#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

// These matrices are small: more threads would only wait for each other.
class OneThread : public testing::Environment {
  void SetUp() override { at::set_num_threads(1); }
};
const auto* const kOneThread = testing::AddGlobalTestEnvironment(new OneThread);

const at::TensorOptions kDouble = at::TensorOptions(at::kDouble);

TEST(PseudoRandom, IsUniformAndTheSameInEveryDtype) {
  const auto x = svd::pseudo_random(4000, 0, 5, kDouble);
  EXPECT_TRUE(at::equal(x, svd::pseudo_random(4000, 0, 5, at::kFloat).to(at::kDouble)));
  EXPECT_TRUE(at::equal(x.narrow(1, 2, 3), svd::pseudo_random(4000, 2, 3, kDouble)));
  EXPECT_LE(largest(x), 1);
  // Five standard deviations of a mean, and of a correlation, of 4000 independent numbers.
  EXPECT_LE(largest(x.mean(0)), 5 * std::sqrt(1 / 3. / 4000));
  const auto correlation = at::mm(x.t(), x) / 4000 * 3 - at::eye(5, at::kDouble);
  EXPECT_LE(largest(correlation), 5 / std::sqrt(4000.));
}

void expect_decomposition(const at::Tensor& w, const at::Tensor& basis, double noise,
                          int64_t live) {
  svd::OrthonormalBasis b(w.size(0), w.options(), true);
  b.append(basis);
  const auto [q, c, r] = b.decompose(w, at::full({}, noise, at::kDouble));
  const auto all = at::cat({basis, q}, 1);
  EXPECT_LE(largest(at::mm(all.t(), all) - at::eye(all.size(1), at::kDouble)), 1e-13);
  EXPECT_LE(largest(at::mm(basis, c) + at::mm(q, r) - w), noise + 1e-13);
  EXPECT_EQ((r.abs().amax(1) > 0).sum().item<int64_t>(), live);
}

TEST(OrthonormalBasis, DecomposesABlock) {
  const auto basis = std::get<0>(at::linalg_qr(gaussian({30, 6}, 1)));
  const auto w = gaussian({30, 4}, 2);
  expect_decomposition(w, basis, 0, 4);
  expect_decomposition(at::cat({w, w}, 1), basis, 1e-10, 4);                  // dependent columns
  expect_decomposition(at::mm(basis, gaussian({6, 3}, 3)), basis, 1e-10, 0);  // in the basis
  expect_decomposition(at::mm(basis, gaussian({6, 4}, 3)) + 1e-6 * w, basis, 1e-12,
                       4);  // nearly in it
  expect_decomposition(at::zeros({30, 2}, at::kDouble), basis, 0, 0);
  expect_decomposition(w.narrow(1, 0, 1), basis, 0, 1);
  expect_decomposition(at::zeros({30, 1}, at::kDouble), basis, 0, 0);
  expect_decomposition(w, basis.narrow(1, 0, 0), 0, 4);
}

TEST(OrthonormalBasis, GrowsNoLargerThanItsDimension) {
  const auto basis = std::get<0>(at::linalg_qr(gaussian({8, 6}, 1)));
  svd::OrthonormalBasis b(8, kDouble, true);
  b.append(basis);
  EXPECT_EQ(b.decompose(gaussian({8, 4}, 2), at::zeros({}, at::kDouble)).q.size(1), 2);
  b.append(b.random(2));
  EXPECT_EQ(b.decompose(gaussian({8, 4}, 2), at::zeros({}, at::kDouble)).q.size(1), 0);
}

void expect_svd(const at::Tensor& b) {
  const auto [u, s, v] = svd::jacobi_svd(b);
  const double rounding = 1e-13 * number(b.norm());
  EXPECT_LE(largest(at::mm(u * s, v.t()) - b), rounding);
  EXPECT_LE(largest(s - at::linalg_svdvals(b)), rounding);
  const auto one = at::eye(s.numel(), at::kDouble);
  EXPECT_LE(largest(at::mm(u.t(), u) - one), 1e-12);
  EXPECT_LE(largest(at::mm(v.t(), v) - one), 1e-12);
}

TEST(JacobiSvd, IsAnSvd) {
  for (const auto& [m, n] :
       {std::pair<int64_t, int64_t>{1, 1}, {7, 7}, {9, 4}, {5, 12}, {60, 61}}) {
    const auto b = gaussian({m, n}, 1), rows = at::logspace(0, -9, m, 10., at::kDouble);
    expect_svd(b);
    expect_svd(b * at::logspace(0, -9, n, 10., at::kDouble));
    expect_svd(b * rows.unsqueeze(1));
    expect_svd(b * rows.flip(0).unsqueeze(1));
    expect_svd(at::ones({m, n}, at::kDouble));  // rank 1
    expect_svd(at::zeros({m, n}, at::kDouble));
    expect_svd(at::eye(m, n, at::kDouble));
  }
}

// U^T A [V N] = P S Q^T throughout, whatever restarts and directions are thrown in.
TEST(SmallEigen, IsLapacks) {
  for (const int64_t n : {1, 2, 7, 16}) {
    const auto x = gaussian({n, n + 2}, 21).to(at::kDouble);
    const auto tied = at::diag(at::floor(at::arange(n, at::kDouble) / 3));
    for (const auto& g : {at::mm(x, x.t()), tied, at::mm(tied, at::mm(x, x.t())) * 0,
                          x.t().mm(x).narrow(0, 0, n).narrow(1, 0, n) * 1e200}) {
      auto work = g.contiguous().clone();
      auto values = at::empty({n}, at::kDouble), vectors = at::empty({n, n}, at::kDouble);
      svd::small_eigen(work.mutable_data_ptr<double>(), n, values.mutable_data_ptr<double>(),
                       vectors.mutable_data_ptr<double>());
      const double size = largest(g);
      EXPECT_LE(largest(values - at::linalg_eigvalsh(g).flip(0)), 1e-13 * n * size);
      EXPECT_LE(largest(vectors.mm(vectors.t()) - at::eye(n, at::kDouble)), 1e-13);
      EXPECT_LE(largest((vectors.t() * values).mm(vectors) - g), 1e-13 * n * size);
    }
  }
}

TEST(GolubKahan, KeepsItsRelationsThroughRestarts) {
  for (const auto& [r, c] : {std::pair<int64_t, int64_t>{90, 60}, {60, 90}}) {
    const auto a = gaussian({1, r, c}, 1)[0];
    svd::Matrix matrix(a, at::kDouble);
    svd::GolubKahan gk(matrix, svd::pseudo_random(c, 0, 2, kDouble), true);
    double before = 0;
    for (int step = 0; step < 40; ++step) {
      gk.forward();
      gk.backward();
      if (step % 9 == 4 && gk.width() < 4) gk.add_random_direction();
      if (gk.size() > 20) gk.restart(8);
      const auto found = gk.ritz_triplets(SvdStatus::fixed);
      const auto &u = found.u, &s = found.s, &v = found.v;
      EXPECT_LE(largest(at::mm(at::mm(u.t(), a), v) - s.diag()), 1e-12);
      EXPECT_LE(orthonormality(u), 1e-12);
      EXPECT_GE(number(s[0]), before - 1e-12);
      before = number(s[0]);
    }
    const auto [s, residual] = gk.ritz_values(true);
    EXPECT_NEAR(s[0], number(at::linalg_svdvals(a)[0]), 1e-6);
    EXPECT_LE(residual[0], 1e-3);
    EXPECT_EQ(matrix.passes(), 80);
  }
}

TEST(Target, CountsAndValues) {
  const svd::Target two{.k = 2}, shrink{.k = 1, .shrink = true, .max_rank = 4};
  const svd::Values s = {3, 2, 1, .1};
  EXPECT_EQ(two.value(s), 5);
  EXPECT_DOUBLE_EQ(svd::shrinkage_threshold(s), 5 / 3.);  // 3/2 < 5/3 > 6/4
  EXPECT_EQ(shrink.count(s), 2);
  EXPECT_EQ(shrink.needed(s), 3);
  EXPECT_EQ(shrink.needed({1, 1, 1, 1}), 4);
  EXPECT_NEAR(shrink.value(s), std::sqrt(25 / 9. + 16 / 9. + 1 / 9.), 1e-15);
  EXPECT_NEAR(two.error(s, {0, .1, 0, 0}), std::sqrt(.01 / 2), 1e-15);  // residual / (s_2 - s_3)
  EXPECT_EQ(two.error(s, {9, 9, 0, 0}), 1);
}

TEST(StopRule, AsksTwiceAndExtrapolates) {
  // The value is 1 - 2^-(passes / 2), so the remainder equals the last gain.
  svd::StopRule stop({.tol = 1e-3}, {1}, 0);
  int64_t passes = 2;
  while (!stop.has_converged(passes, {1 - std::exp2(-passes / 2.)}, {})) passes += 2;
  EXPECT_EQ(passes, 22);  // 2^-10 < 1e-3 at 20, and once more
  svd::StopRule stalled({.tol = 1e-3}, {2}, 0);
  for (const int64_t p : {2, 4, 6, 8})
    EXPECT_FALSE(stalled.has_converged(p, {1}, {}));  // one of two
}

TEST(StopRule, IsWorthProvingUntilATestSaysThatMuchIsToCome) {
  svd::StopRule stop({.tol = .05}, {1}, 0);
  const auto test = [&](int64_t passes) {
    stop.has_converged(passes, {1 - std::exp2(-passes / 2.)}, {});
    return stop.is_worth_proving();
  };
  EXPECT_TRUE(stop.is_worth_proving() && test(2) && test(4) &&
              test(6));   // two gains, one ratio of them
  EXPECT_FALSE(test(8));  // 1/16 is to come
  EXPECT_TRUE(test(10));  // 1/32
}

}  // namespace
}  // namespace steepest::test
