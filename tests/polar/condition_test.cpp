// SPDX-License-Identifier: Apache-2.0
// Every method over conditions from 1 to 1e6: within the bound that it states for the smallest
// singular value, however large that bound is.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/polar/matrices.h"

namespace steepest::polar::test {
namespace {

class Condition : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Methods, Condition, testing::ValuesIn(polar_methods()),
                         [](const auto& info) { return info.param; });

double smallest_of(const at::Tensor& x) {
  const at::Tensor s = at::linalg_svdvals(x.to(at::kDouble));
  return (s.min() / s.norm()).item<double>();
}

// The spectral norm of Y Y^T - I.
double orthogonality(const at::Tensor& y) {
  const at::Tensor z = y[0].to(at::kDouble);
  return spectral_norm(at::mm(z, z.t()) - at::eye(z.size(0), at::kDouble));
}

TEST_P(Condition, IsWithinTheBound) {
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    const auto polar = solver(GetParam(), {}, dtype);
    for (const double condition : {1., 10., 1e2, 1e4, 1e5, 1e6}) {
      // Nearer to eps |x|_F an answer is one to rounding.
      if (dtype == at::kFloat && condition > 1e5) continue;
      const at::Tensor x = with_spectrum(logarithmic(16, 1 / condition), 16, 24, 7).to(dtype);
      const at::Tensor y = polar->polar(x);
      const double bound = polar->bound(smallest_of(x));
      // Rounding in X X^T is a part of Newton's ridge, and what is of the ridge is in the bound.
      const double most = dtype == at::kDouble ? bound + 1e-9 : 1.3 * bound + 1e-3;
      EXPECT_LE(judge(y, x, 1e-12).diagonal, most) << dtype << " " << condition;
      EXPECT_LE(orthogonality(y), 2 * most + most * most) << dtype << " " << condition;
    }
  }
}

TEST(Newton, IsOrthogonalUpToItsRidge) {
  for (const auto& [dtype, condition, most] : {std::tuple{at::kFloat, 1., 1e-5},
                                               {at::kFloat, 10., 1e-5},
                                               {at::kFloat, 100., 1e-3},
                                               {at::kDouble, 100., 1e-12},
                                               {at::kDouble, 1000., 1e-10}}) {
    const at::Tensor x = with_spectrum(logarithmic(64, 1 / condition), 64, 64, 9).to(dtype);
    EXPECT_LE(orthogonality(solver("newton", {}, dtype)->polar(x)), most)
        << dtype << " " << condition;
  }
}

// The smallest numbers of a dtype are normalised like all others.
TEST(Denormals, HaveAPolarFactor) {
  for (const auto& [dtype, least] : {std::pair{at::kDouble, 0x1p-1074},
                                     {at::kFloat, 0x1p-149},
                                     {at::kBFloat16, 0x1p-133},
                                     {at::kHalf, 0x1p-24}}) {
    const at::Tensor eye = at::eye(3, at::kDouble).unsqueeze(0);
    for (const auto& method : polar_methods()) {
      const auto polar = solver(method);
      const at::Tensor plain = polar->polar(eye.to(dtype)).to(at::kDouble);
      const at::Tensor y = polar->polar((eye * least).to(dtype)).to(at::kDouble);
      EXPECT_LE(largest(y - plain), 1e-6) << method << " " << dtype;
    }
  }
}

}  // namespace
}  // namespace steepest::polar::test
