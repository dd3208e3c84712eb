// SPDX-License-Identifier: Apache-2.0
// What a polar factor is for: the statements of "Muon: An optimizer for hidden layers".

#include <gtest/gtest.h>

#include <cmath>

#include "tests/polar/matrices.h"

namespace steepest::polar::test {
namespace {

at::Tensor semi_orthogonal(int64_t r, int64_t c, uint64_t seed) {
  return exact_polar(gaussian({1, r, c}, seed))[0];
}

double distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).norm().item<double>(); }

// Ortho(G) = argmin |O - G|_F over O with O^T O = I or O O^T = I.
TEST(Ortho, IsTheNearestSemiOrthogonalMatrix) {
  uint64_t seed = 1;
  for (const auto& [r, c] : {std::pair{6, 6}, {4, 9}, {9, 4}, {1, 5}}) {
    for (const char* method : {"svd", "quintic", "gram_cubic"}) {
      const at::Tensor g = gaussian({1, r, c}, seed);
      const at::Tensor o =
          solver(method, std::string(method) == "svd" ? std::nullopt : std::optional<int64_t>(30))
              ->polar(g)[0];
      const at::Tensor short_side = r <= c ? o.mm(o.t()) : o.t().mm(o);
      EXPECT_LE(largest(short_side - at::eye(std::min(r, c), at::kDouble)), 1e-9) << method;
      const double nearest = distance(o, g[0]);
      for (int i = 0; i < 200; ++i)
        EXPECT_GE(distance(semi_orthogonal(r, c, ++seed), g[0]), nearest - 1e-9) << method;
      for (int i = 0; i < 200; ++i) {  // competitors next to it: a perturbation, projected back
        const at::Tensor moved = o + 1e-2 * gaussian({r, c}, ++seed);
        EXPECT_GE(distance(exact_polar(moved.unsqueeze(0))[0], g[0]), nearest - 1e-9) << method;
      }
    }
  }
}

// <G, O> is largest over the unit ball of the spectral norm, and equals the nuclear norm there.
TEST(Ortho, AttainsTheNuclearNorm) {
  const at::Tensor g = gaussian({1, 7, 12}, 9);
  const double nuclear = at::linalg_svdvals(g).sum().item<double>();
  EXPECT_NEAR((solver("svd")->polar(g) * g).sum().item<double>(), nuclear, 1e-10 * nuclear);
  EXPECT_NEAR((solver("polar_express", 8)->polar(g) * g).sum().item<double>(), nuclear,
              1e-10 * nuclear);
}

at::Tensor power(const at::Tensor& symmetric, double exponent) {
  const auto [values, vectors] = at::linalg_eigh(symmetric);
  return at::mm(vectors * values.pow(exponent), vectors.t());
}

// Shampoo without accumulation: (G G^T)^{-1/4} G (G^T G)^{-1/4} = U V^T.
TEST(Shampoo, WithoutAccumulationIsThePolarFactor) {
  const at::Tensor g = with_spectrum(logarithmic(8, .1), 8, 8, 4)[0];
  const at::Tensor shampoo = power(g.mm(g.t()), -.25).mm(g).mm(power(g.t().mm(g), -.25));
  for (const auto& [method, steps] :
       {std::pair{"polar_express", 8}, {"newton", 40}, {"quintic", 20}})
    EXPECT_LE(largest(shampoo - solver(method, steps)->polar(g.unsqueeze(0))[0]), 1e-9) << method;
  EXPECT_LE(largest(shampoo - exact_polar(g.unsqueeze(0))[0]), 1e-9);
}

// Ortho(c G) = Ortho(G) for c > 0, and Ortho(Q G) = Q Ortho(G) for orthogonal Q.
TEST(Ortho, IgnoresScaleAndFollowsRotations) {
  const at::Tensor g = gaussian({1, 6, 10}, 12), q = semi_orthogonal(6, 6, 13).unsqueeze(0);
  for (const std::string& method : polar_methods()) {
    const auto polar = solver(method);
    EXPECT_LE(largest(polar->polar(3.7 * g) - polar->polar(g)), 1e-10) << method;
    EXPECT_LE(largest(polar->polar(q.matmul(g)) - q.matmul(polar->polar(g))), 1e-9) << method;
    EXPECT_LE(largest(polar->polar(-g) + polar->polar(g)), 1e-12) << method;
  }
}

}  // namespace
}  // namespace steepest::polar::test
