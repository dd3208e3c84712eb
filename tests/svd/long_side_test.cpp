// SPDX-License-Identifier: Apache-2.0
// Matrices with one very long side: the same answer, in about the same time, whichever side it is.
#include <chrono>
#include <cmath>

#include "tests/svd/matrices.h"

namespace steepest::test {
namespace {

double seconds(const auto& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Above 2^22 numbers. Few rows: all values, of which the third is small.
TEST(LongSide, ACostsWhatItsTransposeCosts) {
  for (const auto& [r, c] :
       {std::pair<int64_t, int64_t>{1, 4300000}, {2, 2200000}, {5, 900000}, {40, 120000}}) {
    const auto a = gaussian({1, r, c}, 3).to(at::kFloat);
    const auto exact = at::linalg_svdvals(at::mm(a[0].to(at::kDouble), a[0].to(at::kDouble).mT()));
    const int64_t k = std::min<int64_t>(r, 2);
    Triplets wide, tall;
    top_triplets(a.narrow(2, 0, 1000), k);  // the first call of a process is not to be timed
    const double wide_time = seconds([&] { wide = top_triplets(a, k); });
    const auto turned = a.mT().contiguous();
    const double tall_time = seconds([&] { tall = top_triplets(turned, k); });
    EXPECT_LT(wide_time, 5 * tall_time + 1) << r << "x" << c;
    EXPECT_LT(tall_time, 5 * wide_time + 1) << r << "x" << c;
    // A few rows or columns are decomposed by their Gram matrix; more, to the tolerance asked for,
    // and how far beyond it depends on the width of the processor's blocks.
    const double tolerance = r <= 5 ? 1e-5 : SvdOptions{}.tol;
    for (const auto* t : {&wide, &tall}) {
      EXPECT_LE(largest(t->s[0] / exact.sqrt().narrow(0, 0, k) - 1), tolerance);
      EXPECT_EQ(t->status[0], SvdStatus::converged);
    }
    EXPECT_LE(orthonormality(wide.vh[0].mT().contiguous()), 1e-4);
    EXPECT_LE(orthonormality(tall.u[0]), 1e-4);
    EXPECT_NEAR(inner_product(a[0], direction(wide)) / number(wide.attained), 1, 1e-5);
    const auto shrunk = shrinkage_triplets(a), other = shrinkage_triplets(turned);
    EXPECT_NEAR(number(shrunk.tau) / number(other.tau), 1, 1e-5);
  }
}

// LAPACK's float32 alone is off by 2e-3 here.
TEST(LongSide, ExactIsExact) {
  const auto a = gaussian({1, 1000000, 1}, 5).to(at::kFloat);
  for (const auto& x : {a, a.mT().contiguous()}) {
    const auto t = top_triplets(x, 1, {.method = "exact"});
    EXPECT_NEAR(number(t.s) / a.to(at::kDouble).norm().item<double>(), 1, 1e-6);
    EXPECT_NEAR(inner_product(x[0], direction(t)) / number(t.attained), 1, 1e-5);
  }
}

}  // namespace
}  // namespace steepest::test
