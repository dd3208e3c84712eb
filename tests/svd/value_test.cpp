// SPDX-License-Identifier: Apache-2.0
// Every method with the value stop against a float64 SVD: dtypes, shapes, spectra, k.

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

using Shape = std::pair<int64_t, int64_t>;

class Value : public testing::TestWithParam<std::string> {
 protected:
  Triplets solve(const at::Tensor& a, int64_t k, double tol = 1e-3) const {
    return top_triplets(a, k,
                        {.method = GetParam(), .tol = tol, .max_passes = 4000, .fallback = false});
  }
};

INSTANTIATE_TEST_SUITE_P(Methods, Value, testing::ValuesIn(svd_methods()),
                         [](const auto& info) { return info.param; });

// Rounding of the results, relative to the largest singular value.
double rounding(const at::Tensor& a) { return a.scalar_type() == at::kDouble ? 1e-12 : 4e-6; }

// Ritz values never exceed the singular values but for rounding; of the squares, for a method that
// works on A^T A.
double excess(const at::Tensor& s, const at::Tensor& exact, double top, bool of_squares) {
  const auto more = s - exact;
  return number((of_squares ? more * (s + exact) / (2 * std::max(top, 1e-30)) : more).max());
}

void expect_triplets(const at::Tensor& a, int64_t k, const Triplets& t, double loss,
                     const std::string& what, bool of_squares = false) {
  SCOPED_TRACE(what);
  const Exact exact(a);
  const int64_t n = std::min({k, a.size(1), a.size(2)});
  const double eps = rounding(a), top = exact.sum(1);
  ASSERT_EQ(t.u.sizes(), at::IntArrayRef({1, a.size(1), n}));
  ASSERT_EQ(t.s.sizes(), at::IntArrayRef({1, n}));
  ASSERT_EQ(t.vh.sizes(), at::IntArrayRef({1, n, a.size(2)}));
  EXPECT_EQ(t.status[0], SvdStatus::converged);
  EXPECT_GE(number(t.attained), (1 - loss) * exact.sum(n) - eps * n * top);
  EXPECT_NEAR(number(t.attained), inner_product(a[0], direction(t)), eps * n * top);
  EXPECT_LE(orthonormality(t.u[0]), eps);
  EXPECT_LE(orthonormality(t.vh[0].t()), eps);
  EXPECT_LE(excess(t.s[0], exact.s.narrow(0, 0, n), top, of_squares), eps * top);
  EXPECT_LE(largest(t.s[0] - std::get<0>(t.s[0].sort(0, true))), 0);  // descending
  EXPECT_GE(number(t.s.min()), 0);
}

TEST_P(Value, AttainsThePromisedPartOfTheDualNorm) {
  uint64_t seed = 1;
  for (const auto& name : spectra())
    for (const auto& [r, c] : {Shape{60, 60}, {50, 90}, {120, 40}})
      for (const int64_t k : {1, 3, 10, 200}) {
        const auto a = matrix(name, r, c, seed += 2).to(at::kFloat);
        const double loss = promised_loss(GetParam(), k, 1e-3);
        expect_triplets(a, k, solve(a, k), loss, name + " k = " + std::to_string(k),
                        GetParam() == "auto");
      }
}

TEST_P(Value, WorksInEveryDtype) {
  for (const auto dtype : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16})
    for (const auto& name : {"gaussian", "inverse", "tied"}) {
      const auto a = matrix(name, 70, 50, 5).to(dtype);
      const auto t = solve(a, 3);
      EXPECT_EQ(t.u.scalar_type(), dtype == at::kDouble ? at::kDouble : at::kFloat);
      EXPECT_EQ(t.vh.scalar_type(), t.u.scalar_type());
      EXPECT_EQ(t.s.scalar_type(), at::kDouble);
      EXPECT_EQ(t.attained.scalar_type(), at::kDouble);
      expect_triplets(a, 3, t, promised_loss(GetParam(), 3, 1e-3), name);
    }
}

TEST_P(Value, TakesVectorsAndTinyMatrices) {
  for (const auto& [r, c] : {Shape{1, 1}, {1, 30}, {30, 1}, {2, 3}, {3, 2}, {2, 500}, {5, 5}})
    for (const int64_t k : {1, 2, 9}) {
      const auto a = gaussian({1, r, c}, static_cast<uint64_t>(r + 7 * c)).to(at::kFloat);
      expect_triplets(a, k, solve(a, k), promised_loss(GetParam(), k, 1e-3),
                      std::to_string(r) + " x " + std::to_string(c));
    }
}

TEST_P(Value, MissingTripletsAreZeros) {
  for (const auto& [r, c] : {Shape{80, 60}, {60, 80}}) {
    const auto a = matrix("low_rank", r, c, 3).to(at::kFloat);
    const auto t = solve(a, 9);
    EXPECT_GT(number(t.s[0][4]), .19);
    EXPECT_EQ(largest(t.s.narrow(1, 5, 4)), 0);
    EXPECT_EQ(largest(t.u.narrow(2, 5, 4)), 0);
    EXPECT_EQ(largest(t.vh.narrow(1, 5, 4)), 0);
    const auto error = direction(t) - Exact(a).direction(5);
    EXPECT_LE(largest(error), 1e-4);
  }
}

TEST_P(Value, StructuredMatricesBreakDownSafely) {
  const auto e = at::eye(40, at::kFloat).unsqueeze(0), ones = at::ones({1, 50, 40}, at::kFloat);
  auto single = at::zeros({1, 50, 40}, at::kFloat);
  single[0][7][3] = -2;
  for (const int64_t k : {1, 4, 40}) {
    expect_triplets(e, k, solve(e, k), 1e-5, "identity");
    expect_triplets(ones, k, solve(ones, k), 1e-5, "all entries equal");
    expect_triplets(single, k, solve(single, k), 1e-5, "one entry");
  }
}

TEST_P(Value, LosesLessThanTolOnTheAverage) {
  if (GetParam() == "power") return;
  for (const double tol : {1e-2, 1e-3}) {
    double loss = 0;
    for (uint64_t seed = 0; seed < 30; ++seed) {
      const auto a = gaussian({1, 90, 60}, 100 + seed);
      loss += 1 - number(solve(a, 1, tol).attained) / Exact(a).sum(1);
    }
    EXPECT_LE(loss / 30, tol);
  }
}

TEST_P(Value, ATighterToleranceAttainsMore) {
  const auto a = gaussian({1, 150, 100}, 8);
  const auto loose = solve(a, 4, .1), tight = solve(a, 4, 1e-8);
  const double exact = Exact(a).sum(4);
  EXPECT_LE(1 - number(tight.attained) / exact, 1e-7);
  if (GetParam() == "exact") return;
  EXPECT_LT(loose.passes[0], tight.passes[0]);
  EXPECT_LT(number(loose.attained), number(tight.attained));
}

}  // namespace
}  // namespace steepest::test
