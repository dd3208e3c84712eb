// SPDX-License-Identifier: Apache-2.0
// "auto" on matrices that are large enough to be rounded to float16 where the processor has AVX-512
// FP16, by tolerances that allow it: what is promised holds, the triplets are orthonormal, and what
// float16 cannot see float32 does.

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

using Shape = std::pair<int64_t, int64_t>;

constexpr double kRounding = 1e-3;  // of a value, to the largest one: where all are tied

Triplets solve(const at::Tensor& a, int64_t k, double tol, const at::Tensor& start = {}) {
  return top_triplets(a, k, {.tol = tol, .max_passes = 1000, .fallback = false}, start);
}

TEST(HalfProducts, AttainWhatIsPromised) {
  uint64_t seed = 1;
  for (const auto& name : spectra())
    for (const auto& [r, c] : {Shape{270, 270}, {200, 400}, {512, 130}})
      for (const int64_t k : {1, 3, 10, 40})
        for (const double tol : {1e-2, 1e-3}) {
          SCOPED_TRACE(c10::str(name, " ", r, " x ", c, ", k = ", k, ", tol = ", tol));
          const auto a = matrix(name, r, c, seed += 2).to(at::kFloat);
          const Exact exact(a);
          const auto t = solve(a, k, tol);
          EXPECT_EQ(t.status[0], SvdStatus::converged);
          const double top = exact.sum(1), loss = promised_loss("auto", k, tol);
          const double used = inner_product(a[0], direction(t));
          EXPECT_GE(used, (1 - loss) * exact.sum(k) - 4e-6 * k * top);
          EXPECT_NEAR(number(t.attained), used, kRounding * k * top);
          EXPECT_LE(orthonormality(t.u[0]), 4e-6);
          EXPECT_LE(orthonormality(t.vh[0].t()), 4e-6);
          EXPECT_LE(number((t.s[0] - exact.s.narrow(0, 0, k)).max()), kRounding * top);
        }
}

// float16 hides what is below a hundredth of the largest value; so do its sums what is not there.
TEST(HalfProducts, SeeSmallValuesAndMissingOnes) {
  const auto u = std::get<0>(at::linalg_qr(gaussian({400, 5}, 3)));
  const auto v = std::get<0>(at::linalg_qr(gaussian({300, 5}, 4)));
  const auto s = at::tensor({1., .3, .02, 1e-3, 4e-4}, at::kDouble);
  const auto a = at::mm(u * s, v.t()).unsqueeze(0).to(at::kFloat);
  const auto t = solve(a, 8, 1e-2);
  EXPECT_LE(largest(t.s[0].narrow(0, 0, 5) / s - 1), 1e-2);
  EXPECT_EQ(largest(t.s.narrow(1, 5, 3)), 0);
  EXPECT_LE(largest(direction(t) - at::mm(u, v.t())), 1e-2);
}

TEST(HalfProducts, TakeNumbersThatFloat16CannotHold) {
  auto a = gaussian({1, 300, 300}, 5).to(at::kFloat);
  a[0][17] *= 1e7;
  const Exact exact(a);
  const auto t = solve(a, 3, 1e-2);
  EXPECT_GE(number(t.attained), .999 * exact.sum(3));
  const auto tiny = solve(a * 1e-30, 3, 1e-2);
  EXPECT_NEAR(number(tiny.attained) / number(t.attained), 1e-30, 1e-35);
}

// One at a time has the rounded matrix, whoever was before.
TEST(HalfProducts, ABatchIsALoop) {
  const auto a = at::stack({matrix("gaussian", 300, 260, 6)[0], matrix("inverse", 300, 260, 8)[0],
                            matrix("tied", 300, 260, 10)[0]})
                     .to(at::kFloat);
  const auto all = solve(a, 4, 1e-2);
  for (int64_t b = 0; b < 3; ++b) {
    const auto one = solve(a.narrow(0, b, 1), 4, 1e-2);
    EXPECT_TRUE(at::equal(one.u[0], all.u[b]) && at::equal(one.vh[0], all.vh[b])) << b;
  }
}

TEST(HalfProducts, GoOnFromAWarmStart) {
  const auto a = matrix("inverse", 600, 500, 12).to(at::kFloat);
  const auto first = solve(a, 4, 1e-2);
  const auto b = a + 1e-3 * gaussian({1, 600, 500}, 14).to(at::kFloat);
  const auto again = solve(b, 4, 1e-2, first.vh.mT());
  EXPECT_GE(number(again.attained), .98 * Exact(b).sum(4));
}

}  // namespace
}  // namespace steepest::test
