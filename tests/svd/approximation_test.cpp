// SPDX-License-Identifier: Apache-2.0
// The stop "approximation": |U S V^T - A_k|_F <= tol |A_k|_F against the float64 SVD.

#include "steepest/svd/error_bound.h"
#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

class Approximation : public testing::TestWithParam<std::string> {
 protected:
  Triplets solve(const at::Tensor& a, int64_t k, double tol, int64_t max_passes = 4000,
                 const at::Tensor& start = {}) const {
    return top_triplets(a, k,
                        {.method = GetParam(),
                         .tol = tol,
                         .stop = "approximation",
                         .max_passes = max_passes,
                         .fallback = false},
                        start);
  }
};

INSTANTIATE_TEST_SUITE_P(Methods, Approximation, testing::ValuesIn(svd_methods()),
                         [](const auto& info) { return info.param; });

// |U S V^T - A_k|_F / |A_k|_F of matrix b.
double error(const at::Tensor& a, const Triplets& t, int64_t k, int64_t b = 0) {
  const Exact exact(a, b);
  const auto best =
      at::mm(exact.u.narrow(1, 0, k) * exact.s.narrow(0, 0, k), exact.vh.narrow(0, 0, k));
  const auto found = at::mm(t.u[b].to(at::kDouble) * t.s[b], t.vh[b].to(at::kDouble));
  return number((found - best).norm() / best.norm());
}

// [1, r, c]: singular values over six decades, or five values above noise of 1e-3 or .03.
at::Tensor harder(const std::string& name, int64_t r, int64_t c, uint64_t seed) {
  if (name == "graded") {
    const int64_t n = std::min(r, c);
    const auto u = std::get<0>(at::linalg_qr(gaussian({r, n}, seed)));
    const auto v = std::get<0>(at::linalg_qr(gaussian({c, n}, seed + 1)));
    return at::mm(u * at::logspace(0, -6, n, 10., at::kDouble), v.t()).unsqueeze(0);
  }
  const double noise = name == "low_rank_quiet" ? 1e-3 : .03;
  return matrix("low_rank", r, c, seed) + noise / std::sqrt(r + c) * gaussian({1, r, c}, seed + 2);
}

TEST_P(Approximation, KeepsItsBound) {
  uint64_t seed = 1;
  for (const auto& [r, c] : {std::pair<int64_t, int64_t>{80, 80}, {50, 130}, {150, 60}})
    for (const std::string name : {"gaussian", "inverse", "geometric", "clustered", "tied",
                                   "low_rank", "graded", "low_rank_quiet", "low_rank_loud"})
      for (const int64_t k : {1, 3, 10})
        for (const double tol : {1e-1, 1e-2, 1e-3}) {
          const bool is_tied = name == "tied" && k < 5;  // then A_k is not unique
          if (is_tied) continue;
          SCOPED_TRACE(c10::str(name, " ", r, " x ", c, " k = ", k, " tol = ", tol));
          const bool is_harder = name == "graded" || name.starts_with("low_rank_");
          // At a gap of 1e-4 float32's rounding is more than the tolerance.
          const auto dtype = name == "clustered" ? at::kDouble : at::kFloat;
          const auto a = (is_harder ? harder : matrix)(name, r, c, seed += 3).to(dtype);
          const auto t = solve(a, k, tol);
          EXPECT_EQ(t.status[0], SvdStatus::converged);
          EXPECT_LE(error(a, t, k), tol);
        }
}

TEST_P(Approximation, HoldsForEachOfABatchFromAnyStart) {
  const auto old = gaussian({4, 90, 70}, 5);
  const auto a = .95 * old + .05 * gaussian({4, 90, 70}, 6);
  const auto cold = solve(a, 4, 1e-2);
  const auto warm = solve(a, 4, 1e-2, 4000, solve(old, 4, 1e-2).vh.mT());
  const auto wrong = solve(a, 4, 1e-2, 4000, at::ones({4, 70, 2}, at::kDouble));
  for (int64_t b = 0; b < 4; ++b)
    for (const auto& t : {cold, warm, wrong}) EXPECT_LE(error(a, t, 4, b), 1e-2);
}

TEST_P(Approximation, SaysWhereThereIsNothingToProve) {
  // s_3 = s_4: A_3 is not unique. The matrix is too large to be decomposed in full.
  const auto a = matrix("tied", 400, 360, 11).to(at::kFloat);
  const auto t = solve(a, 3, 1e-3, 100);
  if (GetParam() == "exact") return;
  EXPECT_EQ(t.status[0], SvdStatus::stopped_early);
  EXPECT_EQ(t.passes[0], 100);
}

// The value settles first, the vectors of sum u v^T last: a short triplet counts there as much as a
// long one.
TEST_P(Approximation, LiesBetweenTheOthers) {
  if (GetParam() == "exact") return;
  const auto a = gaussian({1, 200, 160}, 4);
  const auto passes = [&](const std::string& stop) {
    return top_triplets(a, 4, {.method = GetParam(), .stop = stop, .max_passes = 4000}).passes[0];
  };
  EXPECT_LT(passes("value"), passes("approximation"));
  EXPECT_LE(passes("approximation"), passes("subspace"));
}

// The bounds themselves, for A = [S F; 0 A_2] with the largest value of A_2 given: never below the
// error of the best of U U^T A, and no more than half as large again where there is a gap.
TEST(ErrorBound, HoldsWhateverThePartsOfA) {
  double least = 1e9;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto draw = at::rand({4}, at::detail::createCPUGenerator(seed), at::kDouble);
    const auto drawn = [&](int64_t i) { return number(draw[i]); };
    const int64_t k = 1 + static_cast<int64_t>(4 * drawn(0)), n = k + 6;
    const auto s = at::exp(-6 * drawn(1) * at::arange(k, at::kDouble) / k);
    auto rest = gaussian({6, 6}, seed);
    const double t = 1.2 * drawn(2) * number(s[k - 1]);
    rest *= t / Exact(rest.unsqueeze(0)).sum(1);
    auto a = at::zeros({n, n}, at::kDouble);
    a.narrow(0, 0, k).narrow(1, 0, k).copy_(s.diag());
    a.narrow(0, 0, k).narrow(1, k, 6).copy_(std::exp(-8 * drawn(3)) * gaussian({k, 6}, seed + 1));
    a.narrow(0, k, 6).narrow(1, k, 6).copy_(rest);
    const Exact exact(a.unsqueeze(0));
    const auto best =
        at::mm(exact.u.narrow(1, 0, k) * exact.s.narrow(0, 0, k), exact.vh.narrow(0, 0, k));
    auto x = a.clone();
    x.narrow(0, k, 6).zero_();
    auto residuals = svd::values(a.narrow(0, 0, k).narrow(1, k, 6).norm(2, 1));
    auto values = svd::values(s);
    values.push_back(t), residuals.push_back(0);
    const double bound = svd::truncation_error(values, residuals, k) * number(s.norm());
    const double truth = number((x - best).norm());
    EXPECT_LE(truth, bound * (1 + 1e-9) + 1e-14) << seed;
    if (truth > 1e-12) least = std::min(least, bound / truth);
  }
  EXPECT_LE(least, 1.05);  // it is no better than it could be
}

TEST(ErrorBound, KnowsNothingWithoutResidualsThatAreSmall) {
  EXPECT_EQ(svd::shrinkage_error({1, .1}, {5, 0}), std::numeric_limits<double>::infinity());
  EXPECT_GT(svd::truncation_error({1, 1}, {1e-9, 1e-9}, 1), .9);                    // a tie
  EXPECT_NEAR(svd::truncation_error({1, 1e-4, 1e-4}, {0, 0, 0}, 2), 1.4e-4, 1e-5);  // a short tie
}

}  // namespace
}  // namespace steepest::test
