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

// More columns than a block takes, of a matrix that is not this one.
TEST(HardSpectra, AStartThatIsWiderThanABlock) {
  const auto a = gaussian({1, 100, 500}, 61);
  const auto spike = at::mm(gaussian({100, 1}, 62), gaussian({1, 500}, 63));
  const auto b = (a + 100 * spike / spike.norm()).to(at::kFloat);
  for (const int64_t columns : {18, 24, 40}) {
    const auto start = Exact(a).vh.narrow(0, 0, columns).mT().unsqueeze(0).to(at::kFloat);
    for (const double tol : {1e-2, 1e-4})
      for (const int64_t k : {1, 8}) expect_promised(b, k, tol, "spike", start);
  }
}

TEST(HardSpectra, StartsFromStepToStep) {
  for (const auto& [r, c] : {std::pair{300, 200}, {128, 512}}) {
    for (const auto& [k, tol] : {std::pair{1, 1e-4}, {1, 1e-2}, {16, 1e-3}}) {
      auto slow = gaussian({1, r, c}, 70).to(at::kFloat), sudden = slow;
      at::Tensor slow_start, sudden_start;
      for (uint64_t step = 71; step < 76; ++step) {
        slow = .95 * slow + .05 * gaussian({1, r, c}, step).to(at::kFloat);
        expect_promised(slow, k, tol, "slow", slow_start);
        slow_start = top_triplets(slow, k, {.tol = tol}, slow_start).vh.mT();
        if (tol > 5e-3) continue;  // then one pair of products is enough: see svd.h
        const auto spike = at::mm(gaussian({r, 1}, step), gaussian({1, c}, step + 10));
        sudden = sudden + (1.1 * Exact(sudden).s[0] * spike / spike.norm()).to(at::kFloat);
        expect_promised(sudden, k, tol, "sudden", sudden_start);
        sudden_start = top_triplets(sudden, k, {.tol = tol}, sudden_start).vh.mT();
      }
    }
  }
}

// The rest of a block that is nearly along V is what float16 rounds.
TEST(HardSpectra, NearlyFlat) {
  for (const double least : {.98, .95, .93})
    for (const int64_t k : {1, 8, 17})
      for (const double tol : {1e-3, 1e-4})
        expect_promised(with_values(at::linspace(1, least, 200, at::kDouble), 200, 600, 81), k, tol,
                        c10::str("down to ", least));
  const auto few = gaussian({16, 16}, 83);
  const auto kron = at::kron(at::eye(20, at::kDouble), few).unsqueeze(0).to(at::kFloat);
  for (const auto& [k, tol] : {std::pair{8, 1e-3}, {1, 1e-4}})
    expect_promised(kron, k, tol, "16 values 20 times");
}

TEST(HardSpectra, ManyBelowALargeOne) {
  const auto s = at::cat({at::tensor({100.}, at::kDouble), at::ones({50}, at::kDouble),
                          at::linspace(.5, .25, 149, at::kDouble)});
  for (const double tol : {1e-2, 3e-3, 1e-3}) {
    const auto a = with_values(s, 200, 400, 85);
    expect_promised(a, 16, tol, "one of 100");
    const auto t = top_triplets(a, 16, {.tol = tol});
    EXPECT_LE(largest(t.s[0] - s.narrow(0, 0, 16)), .1);
  }
  const auto below = at::cat({at::linspace(1.5, 1, 5, at::kDouble), at::full({50}, .2, at::kDouble),
                              at::linspace(.18, .09, 145, at::kDouble)});
  for (uint64_t seed = 87; seed < 93; seed += 2)
    expect_promised(with_values(below, 400, 200, seed), 15, 1e-3, "a tie below others");
}

TEST(HardSpectra, WideTiesTakeNoMoreProductsThanTheirVectors) {
  const auto q = std::get<0>(at::linalg_qr(gaussian({1, 500, 500}, 95))).to(at::kFloat);
  expect_promised(q, 100, 1e-3, "orthogonal");
  expect_promised(q, 130, 1e-3, "orthogonal");
  expect_promised(with_values(at::ones({100}, at::kDouble), 300, 600, 97), 130, 1e-3,
                  "flat, rank 100");
  expect_promised((300 * at::eye(300).unsqueeze(0) - 1).contiguous(), 64, 1e-3, "eye less one");
}

TEST(HardSpectra, AtEveryScale) {
  auto a = gaussian({1, 300, 400}, 21);
  a /= Exact(a).s[0];
  for (const int64_t k : {1, 20})
    for (const double e : {-30., -12.25, -12., -11., -10., -9., -8., 8., 9., 9.75, 11.75, 30.})
      expect_promised((a * std::pow(10, e)).to(at::kFloat), k, 1e-3, c10::str("1e", e));
}

// Krylov vectors, all triplets and none at all: one shape for all results.
TEST(HardSpectra, ABatchOfAllKinds) {
  const auto a = matrix("inverse", 64, 80, 23).to(at::kFloat);
  const auto all =
      at::cat({a, at::zeros_like(a), a * 1e30, a * NAN, gaussian(a.sizes(), 25).to(at::kFloat)});
  for (const int64_t k : {1, 4}) {
    const auto cold = top_triplets(all, k, {.tol = 1e-2});
    const auto start = top_triplets(a, k, {.tol = 1e-2}).warm_start.expand({5, -1, -1});
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
