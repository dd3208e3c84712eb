// SPDX-License-Identifier: Apache-2.0
// Method "auto": the float64 SVD finds the error that was asked for, and no schedule is cheaper.

#include "steepest/polar/tolerance.h"

#include <gtest/gtest.h>

#include "tests/polar/matrices.h"

namespace steepest::polar::test {
namespace {

std::unique_ptr<PolarSolver> within(double tol, double low) {
  return make_polar({.method = "auto", .tol = tol, .low = low});
}

// Singular values from low |x|_F to nearly |x|_F.
at::Tensor spread(double low, int64_t rows, int64_t columns, uint64_t seed) {
  const auto s = logarithmic(std::min(rows, columns), low);
  return with_spectrum(s / s.norm().clamp_min(1), rows, columns, seed);
}

class WithinTolerance : public testing::TestWithParam<double> {};

TEST_P(WithinTolerance, TheErrorIsTheOneAskedFor) {
  const double tol = GetParam();
  for (const double low : {1e-2, 1e-3, 1e-5}) {
    for (const auto& [rows, columns] : {std::pair{40, 40}, std::pair{30, 90}, std::pair{100, 64}}) {
      for (const auto dtype : {at::kDouble, at::kFloat}) {
        if (dtype == at::kFloat && (tol < 1e-6 || low < 1e-4))
          continue;  // beyond the input's digits
        const auto x = spread(3 * low, rows, columns, 4).to(dtype);
        const auto found = judge(within(tol, low)->polar(x), x, low / 10);
        EXPECT_LE(found.diagonal, tol) << low << ", " << rows << " x " << columns << " " << dtype;
        EXPECT_LE(found.rest, tol) << low << ", " << rows << " x " << columns << " " << dtype;
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Polar, WithinTolerance,
                         testing::Values(.4, .2, .05, 1e-2, 1e-3, 1e-4, 1e-7, 1e-10));

// One large value, all others as small as promised, where the polynomial is steepest.
TEST_P(WithinTolerance, AlsoWhereAllValuesAreNearlyTheSmallest) {
  const double tol = GetParam(), low = 1e-3;
  if (tol < 1e-4) return;  // beyond the input's digits
  for (const int64_t n : {64, 128, 256}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      auto s = at::full({n}, 1.02 * low, at::kDouble);
      s[0] = 1;
      const auto x = with_spectrum(s, n, n, seed).to(at::kFloat);
      const auto values = at::linalg_svdvals(within(tol, low)->polar(x).to(at::kDouble));
      EXPECT_LE((values - 1).abs().max().item<double>(), tol) << n << ", " << seed;
    }
  }
}

TEST(Tolerance, NoNamedScheduleIsCheaper) {
  for (const double tol : {.4, .1, 1e-2, 1e-4, 1e-8}) {
    for (const double low : {1e-1, 1e-3, 1e-6}) {
      const auto choice = cheapest_iteration({tol, low});
      EXPECT_LE(choice.error, tol);
      EXPECT_EQ(choice.error, choice.schedule.error(low, choice.steps));
      for (const auto& name : schedule_names()) {
        const auto schedule = named_schedule(name);
        for (int64_t steps = 1; 2 * steps < choice.products; ++steps) {
          int64_t products = 0;
          for (const auto& p : schedule.first(steps)) products += p.c == 0 ? 2 : 3;
          if (products >= choice.products) continue;
          EXPECT_GT(schedule.error(low, steps), tol) << name << ", " << steps << " steps";
        }
      }
    }
  }
}

TEST(Tolerance, IsSaidAndMoreCostsMore) {
  EXPECT_NE(within(.01, 1e-3)->describe().find("auto(tol=0.01, low=0.001): "), std::string::npos);
  EXPECT_LT(cheapest_iteration({.3, 1e-2}).products, cheapest_iteration({1e-3, 1e-2}).products);
  EXPECT_LT(cheapest_iteration({1e-2, 1e-1}).products, cheapest_iteration({1e-2, 1e-6}).products);
}

TEST(Tolerance, RefusesWhatItCannotKeep) {
  for (const double tol : {0., -1., 1., 1e-14, std::nan("")})
    EXPECT_THROW(within(tol, 1e-3), c10::ValueError) << tol;
  for (const double low : {0., 1., 2., 1e-12})
    EXPECT_THROW(within(.1, low), c10::ValueError) << low;
  EXPECT_THROW(make_polar({.method = "auto", .steps = 5}), c10::ValueError);
  EXPECT_THROW(make_polar({.method = "jordan", .tol = .1}), c10::ValueError);
  EXPECT_THROW(make_polar({.method = "jordan", .low = .1}), c10::ValueError);
}

}  // namespace
}  // namespace steepest::polar::test
