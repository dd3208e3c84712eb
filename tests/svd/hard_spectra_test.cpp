// SPDX-License-Identifier: Apache-2.0
// "auto" where Krylov spaces go wrong: deep ones that lose their orthogonality, values that are
// tied more often than a block is wide, few rows that hardly differ, starts that have missed the
// largest value, scales at float32's ends. What svd.h promises holds for all of them.

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

void expect_promised(const at::Tensor& a, int64_t k, double tol, const std::string& what,
                     const at::Tensor& start = {}) {
  SCOPED_TRACE(c10::str(what, " ", a.size(1), " x ", a.size(2), ", k = ", k, ", tol = ", tol));
  const auto t = top_triplets(a, k, {.tol = tol}, start);
  EXPECT_EQ(t.status[0], SvdStatus::converged);
  EXPECT_LT(t.passes[0], 250);
  EXPECT_GE(inner_product(a[0], direction(t)), (1 - 2 * tol) * Exact(a).sum(k));
  EXPECT_LE(orthonormality(t.u[0]), 1e-4);
  EXPECT_LE(orthonormality(t.vh[0].t()), 1e-4);
}

// [1, r, c] float32 with these singular values.
at::Tensor with_values(const at::Tensor& s, int64_t r, int64_t c, uint64_t seed) {
  const auto u = std::get<0>(at::linalg_qr(gaussian({r, s.numel()}, seed)));
  const auto v = std::get<0>(at::linalg_qr(gaussian({c, s.numel()}, seed + 1)));
  return at::mm(u * s, v.t()).unsqueeze(0).to(at::kFloat);
}
// 1, `times` times, and values from .9 down to .5.
at::Tensor tied(int64_t times, int64_t n) {
  return at::cat({at::ones({times}, at::kDouble), at::linspace(.9, .5, n - times, at::kDouble)});
}

TEST(HardSpectra, DeepSpacesStayOrthogonal) {
  for (const double tol : {1e-3, 1e-4}) {
    for (const int64_t k : {2, 8, 16})
      expect_promised(gaussian({1, 2000, 250}, 1).to(at::kFloat), k, tol, "Gaussian");
    const auto q = std::get<0>(at::linalg_qr(gaussian({1, 256, 256}, 2)));
    const auto nearly = q + .1 / 16 * gaussian({1, 256, 256}, 3);
    expect_promised(nearly.to(at::kFloat), 4, tol, "nearly orthogonal");
    expect_promised(with_values(at::cat({at::full({1}, 1.1, at::kDouble),
                                         at::linspace(.999, .5, 299, at::kDouble)}),
                                300, 300, 4),
                    2, tol, "one value above many");
  }
}

TEST(HardSpectra, ValuesTiedMoreOftenThanABlockIsWide) {
  for (const double tol : {1e-2, 1e-3, 1e-4}) {
    for (const int64_t k : {9, 12, 24})
      expect_promised(with_values(tied(k, 300), 300, 300, 5), k, tol, "tied");
    const auto groups = at::pow(.8, at::arange(300, at::kDouble).div(10, "floor"));
    expect_promised(with_values(groups, 300, 400, 7), 16, tol, "groups of ten");
  }
}

TEST(HardSpectra, ShrinkingFindsAllOfATie) {
  for (const auto& [r, c] : {std::pair{60, 400}, {200, 300}, {300, 100}}) {
    const int64_t n = std::min(r, c);
    const auto a = with_values(at::ones({n}, at::kDouble), r, c, 9);
    const auto t = shrinkage_triplets(a, {.tol = 1e-3});
    EXPECT_NEAR(number(t.tau), static_cast<double>(n) / (n + 1), 1e-3) << r << " x " << c;
    EXPECT_EQ(t.triplets.s.size(1), n);
  }
}

TEST(HardSpectra, FewRowsThatHardlyDiffer) {
  for (const auto& [r, c, k] : {std::tuple{48, 4000, 16}, {40, 9000, 8}, {40, 9000, 1}})
    expect_promised(gaussian({1, r, c}, 11).to(at::kFloat), k, 1e-3, "Gaussian");
  for (const int64_t n : {33, 40}) {
    const auto s = at::pow(.99, at::arange(n, at::kDouble));
    for (const double tol : {1e-2, 1e-3})
      expect_promised(with_values(s, n, 2000, 13), 16, tol, "slow decay");
  }
}

TEST(HardSpectra, AStartThatHasMissedTheLargestValue) {
  for (const double first : {1.5, 3., 5.}) {
    const auto rest = .5 * at::pow(.9, at::arange(40, at::kDouble));
    const auto s = at::cat({at::tensor({first, 1.}, at::kDouble), rest});
    for (const int64_t n : {120, 512}) {
      const auto a = with_values(s, n, n, 15);
      const auto v = Exact(a).vh.narrow(0, 1, 16).mT().unsqueeze(0).to(at::kFloat);
      for (const int64_t k : {1, 4}) expect_promised(a, k, 1e-2, c10::str("missed ", first), v);
    }
  }
}

TEST(HardSpectra, AStartOfNoUse) {
  const auto s = at::pow(.95, at::arange(300, at::kDouble));
  for (uint64_t seed = 30; seed < 60; seed += 3)
    expect_promised(with_values(s, 400, 300, seed), 1, 1e-3, "random start",
                    gaussian({1, 300, 400}, seed + 2).to(at::kFloat));
}

TEST(HardSpectra, AtEveryScale) {
  auto a = gaussian({1, 300, 400}, 21);
  a /= Exact(a).s[0];
  for (const int64_t k : {1, 20})
    for (const double e : {-30., -12.25, -12., -11., -10., -9., -8., 8., 9., 9.75, 11.75, 30.})
      expect_promised((a * std::pow(10, e)).to(at::kFloat), k, 1e-3, c10::str("1e", e));
}

// A sweep, a decomposition in full and none at all: one shape for all answers.
TEST(HardSpectra, ABatchOfAllKinds) {
  const auto a = matrix("inverse", 64, 80, 23).to(at::kFloat);
  const auto all =
      at::cat({a, at::zeros_like(a), a * 1e30, a * NAN, gaussian(a.sizes(), 25).to(at::kFloat)});
  for (const int64_t k : {1, 4}) {
    const auto cold = top_triplets(all, k, {.tol = 1e-2});
    const auto start = top_triplets(a, k, {.tol = 1e-2}).basis.expand({5, -1, -1});
    for (const auto& t : {cold, top_triplets(all, k, {.tol = 1e-2}, start)}) {
      EXPECT_NEAR(number(t.attained[0]), Exact(a).sum(k), .02 * Exact(a).sum(k));
      EXPECT_NEAR(number(t.attained[2]), 1e30 * number(t.attained[0]), 1e-3 * 1e30);
      EXPECT_EQ(number(t.attained[1]), 0);
      EXPECT_TRUE(std::isnan(number(t.attained[3])));
    }
  }
}

}  // namespace
}  // namespace steepest::test
