// SPDX-License-Identifier: Apache-2.0
// F*'s direction at the default tolerance: |s - s*|_F <= 10 svd_tol |s*|_F, by the float64 SVD.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/norms/cases.h"
#include "tests/support/closed_forms.h"

namespace steepest::test {
namespace {

// [r, c] with the singular values of this kind; "gaussian" and "low rank + noise" are drawn.
at::Tensor matrix(Random& random, const std::string& kind, int64_t r, int64_t c) {
  const auto g = random.normal({r, c});
  if (kind == "gaussian") return g;
  const int64_t n = std::min(r, c);
  const auto u = std::get<0>(at::linalg_qr(random.normal({r, n})));
  const auto v = std::get<0>(at::linalg_qr(random.normal({c, n})));
  const auto i = at::arange(1, n + 1, at::kDouble);
  auto s = 1 / i;
  if (kind == "geometric") s = at::pow(.97, i);
  if (kind == "clustered") s = at::where(i <= 12, 1 - 1e-4 * i, .6 - .5 * i / n);
  if (kind == "graded") s = at::logspace(0, -6, n, 10., at::kDouble);
  if (kind == "flat") s = 1 - .02 * i / n;
  if (kind == "low rank + noise") s = at::where(i <= 8, 1 / i, 0.);
  const auto a = at::mm(u * s, v.t());
  return kind == "low rank + noise" ? a + .1 / std::sqrt(r + c) * g : a;
}

const std::vector<std::string> kKinds = {"gaussian",  "inverse", "geometric", "low rank + noise",
                                         "clustered", "graded",  "flat"};

// |s - s*|_F / |s*|_F for each matrix of m [B, r, c]; the largest of them.
double error(const NormPtr& norm, const at::Tensor& m, const NormContext& context = {}) {
  const auto s = norm->steepest(m, context).direction.to(at::kDouble);
  double worst = 0;
  for (int64_t b = 0; b < m.size(0); ++b) {
    const auto exact = plain_steepest("f_star", m[b].to(at::kDouble)).direction;
    worst = std::max(worst, ((s[b] - exact).norm() / exact.norm()).item<double>());
  }
  return worst;
}

TEST(FStar, the_direction_is_within_ten_tolerances) {
  Random random(31);
  for (const auto& kind : kKinds) {
    for (const auto& [r, c] : {std::pair<int64_t, int64_t>{160, 160}, {60, 300}, {260, 80}}) {
      const auto m = matrix(random, kind, r, c).to(at::kFloat).unsqueeze(0);
      for (const double tol : {1e-2, 1e-3, 1e-4}) {
        const auto norm = make_norm("f_star", {.svd = {.tol = tol}});
        EXPECT_LE(error(norm, m), 10 * tol) << kind << " " << r << " x " << c << " at " << tol;
      }
    }
  }
}

TEST(FStar, so_it_is_by_every_method_and_stop) {
  Random random(33);
  const auto m = at::stack({matrix(random, "gaussian", 90, 70), matrix(random, "inverse", 90, 70)});
  for (const auto& method : svd_methods()) {
    EXPECT_LE(error(make_norm("f_star", {.svd = {.method = method}}), m), 1e-2) << method;
    for (const char* stop : {"subspace", "approximation"}) {
      const SvdOptions o{.method = method, .tol = 3e-3, .stop = stop};
      EXPECT_LE(error(make_norm("f_star", {.svd = o}), m), 3e-3) << method << " " << stop;
    }
  }
}

TEST(FStar, so_it_is_of_a_large_gaussian) {
  Random random(35);
  EXPECT_LE(error(make_norm("f_star"), random.normal({1, 512, 512}, at::kFloat)), 1e-2);
}

TEST(FStar, so_it_is_from_step_to_step) {
  Random random(37);
  const auto norm = make_norm("f_star");
  for (const auto& kind : {"gaussian", "geometric", "low rank + noise"}) {
    auto m = matrix(random, kind, 256, 192).to(at::kFloat).unsqueeze(0);
    auto sizes = norm->slots(256, 192).at(0).sizes(256, 192);
    sizes.insert(sizes.begin(), 1);
    auto slot = at::zeros(sizes, at::kFloat);
    for (int step = 0; step < 4; ++step) {
      EXPECT_LE(error(norm, m, {.slots = {slot}}), 1e-2) << kind << " at step " << step;
      slot = norm->steepest(m, {.slots = {slot}}).factors.warm_start;
      const auto next = matrix(random, kind, 256, 192).to(at::kFloat).unsqueeze(0);
      m = .95 * m + .05 * next;
    }
  }
}

}  // namespace
}  // namespace steepest::test
