// SPDX-License-Identifier: Apache-2.0
// The subspace stop: |sum u v^T - exact|_F / |exact|_F <= tol where s_k > s_{k+1}.

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

class Subspace : public testing::TestWithParam<std::string> {
 protected:
  Triplets solve(const at::Tensor& a, int64_t k, double tol, int64_t max_passes = 4000) const {
    return top_triplets(a, k,
                        {.method = GetParam(),
                         .tol = tol,
                         .stop = "subspace",
                         .max_passes = max_passes,
                         .fallback = false});
  }
};

INSTANTIATE_TEST_SUITE_P(Methods, Subspace, testing::ValuesIn(svd_methods()),
                         [](const auto& info) { return info.param; });

double error(const at::Tensor& a, const Triplets& t, int64_t k) {
  const auto exact = Exact(a).direction(k);
  return number((direction(t) - exact).norm() / exact.norm());
}

TEST_P(Subspace, KeepsItsBoundWhereThereIsAGap) {
  uint64_t seed = 1;
  for (const auto& [r, c] : {std::pair<int64_t, int64_t>{80, 80}, {50, 110}, {120, 60}})
    for (const auto& name : {"gaussian", "inverse", "geometric"})
      for (const int64_t k : {1, 3, 10})
        for (const double tol : {1e-1, 1e-2, 1e-3}) {
          const auto a = matrix(name, r, c, seed += 2).to(at::kFloat);
          const auto t = solve(a, k, tol);
          EXPECT_EQ(t.status[0], SvdStatus::converged) << name << " k = " << k;
          EXPECT_LE(error(a, t, k), tol) << name << " k = " << k << " tol = " << tol;
        }
}

TEST_P(Subspace, FindsEveryMemberOfACluster) {
  for (const auto& name : {"clustered", "tied", "low_rank"}) {
    const auto a = matrix(name, 90, 70, 11).to(at::kFloat);
    const auto t = solve(a, 5, 1e-3);
    EXPECT_EQ(t.status[0], SvdStatus::converged) << name;
    EXPECT_LE(error(a, t, 5), 1e-3) << name;
  }
}

TEST_P(Subspace, ATieAtTheCutHasNoAnswerButStillAttains) {
  const auto a = matrix("tied", 90, 70, 11).to(at::kFloat);  // s_3 = s_4
  const auto t = solve(a, 3, 1e-3, 200);
  EXPECT_GE(number(t.attained), (1 - 1e-4) * Exact(a).sum(3));
  if (GetParam() == "exact") return;
  EXPECT_EQ(t.status[0], SvdStatus::stopped_early);
  EXPECT_EQ(t.passes[0], 200);
}

TEST_P(Subspace, TheValueSettlesFirst) {
  if (GetParam() == "exact") return;
  const auto a = gaussian({1, 200, 160}, 4);
  const SvdOptions value = {.method = GetParam(), .tol = 1e-3, .max_passes = 4000};
  EXPECT_LT(top_triplets(a, 4, value).passes[0], solve(a, 4, 1e-3).passes[0]);
}

}  // namespace
}  // namespace steepest::test
