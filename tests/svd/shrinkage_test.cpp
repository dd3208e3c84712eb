// SPDX-License-Identifier: Apache-2.0
// shrinkage_triplets against tau from all singular values in float64: sum_i [s_i - tau]+ = tau.

#include <cmath>

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

// tau by bisection, from the equation and not from the closed form that the library uses.
double exact_tau(const at::Tensor& s) {
  double low = 0, high = number(s.sum()) + 1e-300;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (number((s - middle).clamp_min(0).sum()) > middle ? low : high) = middle;
  }
  return (low + high) / 2;
}

double dual(const at::Tensor& s, double tau) {
  return std::sqrt(tau * tau + number((s - tau).clamp_min(0).square().sum()));
}

// U [S - tau]+ V^T
at::Tensor shrunk(const at::Tensor& u, const at::Tensor& s, const at::Tensor& vh, double tau) {
  return at::mm(u.to(at::kDouble) * (s - tau).clamp_min(0), vh.to(at::kDouble));
}

class ShrinkageTest : public testing::TestWithParam<std::string> {
 protected:
  SvdOptions options(double tol, const std::string& stop = "value") const {
    return {.method = GetParam(), .tol = tol, .stop = stop, .max_passes = 4000, .fallback = false};
  }
};

INSTANTIATE_TEST_SUITE_P(Methods, ShrinkageTest, testing::ValuesIn(svd_methods()),
                         [](const auto& info) { return info.param; });

TEST_P(ShrinkageTest, SolvesTheEquation) {
  const double tol = 1e-4;
  uint64_t seed = 1;
  for (const auto& name : spectra())
    for (const auto& [r, c] : {std::pair<int64_t, int64_t>{50, 50}, {40, 70}, {90, 35}}) {
      SCOPED_TRACE(name);
      const auto a = matrix(name, r, c, seed += 2);
      const auto [t, tau] = shrinkage_triplets(a, options(tol, "subspace"));
      const Exact exact(a);
      const double truth = exact_tau(exact.s);
      const auto direction = shrunk(exact.u, exact.s, exact.vh, truth);
      const auto error = shrunk(t.u[0], t.s[0], t.vh[0], number(tau)) - direction;
      EXPECT_LE(number(error.norm()), tol * number(direction.norm()) + 1e-12);
      EXPECT_NEAR(number(tau), truth, 1e-6 * truth);
      EXPECT_NEAR(number((t.s - tau).clamp_min(0).sum()), number(tau), 1e-12);
      EXPECT_TRUE(at::equal(t.s > 0, t.s > tau));
      const int64_t rank = (t.s > 0).sum().item<int64_t>();  // "inverse" has s_2 = tau
      EXPECT_GE(rank, (exact.s > truth + 1e-6).sum().item<int64_t>());
      EXPECT_LE(rank, (exact.s > truth - 1e-6).sum().item<int64_t>());
    }
}

TEST_P(ShrinkageTest, TheValueStopSettlesTheDualNorm) {
  for (const auto& name : spectra()) {
    const auto a = matrix(name, 110, 80, 3).to(at::kFloat);
    const auto [t, tau] = shrinkage_triplets(a, options(1e-3));
    const Exact exact(a);
    const double truth = dual(exact.s, exact_tau(exact.s)), found = dual(t.s[0], number(tau));
    EXPECT_LE(found, truth * (1 + 1e-5)) << name;
    EXPECT_GE(found, truth * (1 - 2e-3)) << name;
    EXPECT_LE(orthonormality(t.u[0]), 4e-6) << name;
    EXPECT_LE(orthonormality(t.vh[0].t()), 4e-6) << name;
    EXPECT_NEAR(number(t.attained), inner_product(a[0], direction(t)), 1e-4 * truth) << name;
  }
}

// Of U [S - tau]+ V^T, and of it over its F* norm: sqrt((|X|_F^2 + |X|_nuc^2) / 2).
TEST_P(ShrinkageTest, TheApproximationStopBoundsTheDirection) {
  const auto unit = [](const at::Tensor& x, const at::Tensor& s, double tau) {
    const double nuclear = number((s - tau).clamp_min(0).sum());
    return x * std::sqrt(2 / (number(x.square().sum()) + nuclear * nuclear));
  };
  for (const auto& name : spectra()) {
    if (name == "zero") continue;
    for (const double tol : {1e-1, 1e-2, 1e-3}) {
      const auto a = matrix(name, 110, 80, 3).to(at::kFloat);
      const auto [t, tau] = shrinkage_triplets(a, options(tol, "approximation"));
      const Exact exact(a);
      const double truth = exact_tau(exact.s);
      const auto wanted = shrunk(exact.u, exact.s, exact.vh, truth);
      const auto found = shrunk(t.u[0], t.s[0], t.vh[0], number(tau));
      EXPECT_EQ(t.status[0], SvdStatus::converged) << name << " " << tol;
      EXPECT_LE(number((found - wanted).norm()), tol * number(wanted.norm())) << name << " " << tol;
      const auto s = unit(wanted, exact.s, truth);
      const auto error = unit(found, t.s[0], number(tau)) - s;
      EXPECT_LE(number(error.norm()), tol * number(s.norm())) << name << " " << tol;
    }
  }
}

TEST_P(ShrinkageTest, GrowsAsFarAsTheSpectrumAsks) {
  // n equal singular values: tau = n / (n + 1) < 1, so all n triplets are above it.
  for (const int64_t n : {1, 5, 30, 60}) {
    const auto u = std::get<0>(at::linalg_qr(gaussian({90, n}, 1)));
    const auto v = std::get<0>(at::linalg_qr(gaussian({60, n}, 2)));
    const auto [t, tau] = shrinkage_triplets(at::mm(u, v.t()).unsqueeze(0), options(1e-4));
    EXPECT_EQ(t.s.size(1), n);
    EXPECT_NEAR(number(tau), n / (n + 1.), 1e-6);
  }
}

TEST_P(ShrinkageTest, PadsToTheLargestRankOfTheBatch) {
  const auto a = at::cat({matrix("geometric", 60, 40, 1), matrix("all_tied", 60, 40, 3),
                          matrix("zero", 60, 40, 5), matrix("geometric", 60, 40, 1) * 1e-30});
  const auto [t, tau] = shrinkage_triplets(a, options(1e-3));
  EXPECT_EQ(t.u.sizes(), at::IntArrayRef({4, 60, 40}));
  EXPECT_EQ((t.s[0] > 0).sum().item<int64_t>(), (t.s[3] > 0).sum().item<int64_t>());
  EXPECT_LT((t.s[0] > 0).sum().item<int64_t>(), 20);
  EXPECT_NEAR(number(tau[3]) / number(tau[0]), 1e-30, 1e-36);
  EXPECT_EQ(number(tau[2]), 0);
  EXPECT_EQ(largest(t.u[2]), 0);
}

TEST_P(ShrinkageTest, FixedPassesAndWarmStarts) {
  const auto a = gaussian({1, 120, 100}, 1);
  const double truth = dual(Exact(a).s, exact_tau(Exact(a).s));
  auto o = options(1e-3);
  const auto full = shrinkage_triplets(a, o);
  o.fixed_passes = 12;
  const auto cold = shrinkage_triplets(a, o),
             warm = shrinkage_triplets(a, o, full.triplets.vh.mT());
  const auto value = [](const Shrinkage& x) { return dual(x.triplets.s[0], number(x.tau)); };
  EXPECT_LE(value(warm), truth * (1 + 1e-9));
  if (GetParam() == "exact") return;
  EXPECT_EQ(cold.triplets.passes[0], 12);
  EXPECT_EQ(cold.triplets.status[0], SvdStatus::fixed);
  EXPECT_GT(value(warm), value(cold));
}

}  // namespace
}  // namespace steepest::test
