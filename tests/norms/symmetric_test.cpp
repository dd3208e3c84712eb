// SPDX-License-Identifier: Apache-2.0
// Decompositions of Shampoo's factors where they are hard: scales, ranks, NaNs.
#include "steepest/norms/symmetric.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/norms/cases.h"

namespace steepest::test {
namespace {

using norms::eigen;
using norms::inverse_power;
using norms::symmetric_product;

TEST(Symmetric, a_product_with_the_own_transpose_is_symmetric_to_the_bit) {
  Random random(3);
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    for (const auto& shape : shapes()) {
      const auto x = random.normal(shape, dtype);
      for (const auto& one : {x, x.mT(), x.mT().contiguous()}) {
        const auto f = symmetric_product(one);
        EXPECT_LT(difference(f, at::bmm(one, one.mT())), 1e-6);
        EXPECT_TRUE(dtype == at::kDouble || at::equal(f, f.mT()));
      }
    }
  }
}

TEST(Symmetric, an_inverse_power_is_one_at_any_scale) {
  Random random(5);
  const auto x = random.normal({2, 5, 9}, at::kFloat);
  const auto count = norms::float64_eigenproblems();
  for (const double scale : {1e-15, 1.0, 1e15}) {
    const auto f = symmetric_product(x * scale);
    const auto root = inverse_power(f, 0.25, 0);
    const auto whole = at::bmm(at::bmm(root, root), at::bmm(root, root));
    EXPECT_LT(difference(at::bmm(whole, f), at::eye(5).expand({2, 5, 5})), 1e-3) << scale;
  }
  EXPECT_EQ(norms::float64_eigenproblems(), count);
}

TEST(Symmetric, what_fails_in_float32_is_solved_in_float64_and_counted) {
  Random random(6);
  const auto f = symmetric_product(random.normal({2, 5, 9}, at::kFloat));
  const auto count = norms::float64_eigenproblems();
  const auto found = eigen(f, [](const at::Tensor&) { return norms::Eigen(); });
  EXPECT_EQ(norms::float64_eigenproblems(), count + 1);
  EXPECT_EQ(found.vectors.scalar_type(), at::kFloat);
  const auto scaled = found.vectors * found.values.unsqueeze(1);
  EXPECT_LT(difference(at::bmm(scaled, found.vectors.mT()), f), 1e-6);
}

TEST(Symmetric, zero_has_the_identity_and_a_null_space_has_zero) {
  EXPECT_TRUE(at::equal(inverse_power(at::zeros({1, 3, 3}), 0.5, 1e-6)[0], at::eye(3)));
  const auto f = at::diag(at::tensor({4.0, 1.0, 0.0})).unsqueeze(0);
  const auto expected = at::diag(at::tensor({0.5, 1.0, 0.0})).unsqueeze(0);
  EXPECT_LT(difference(inverse_power(f, 0.5, 0), expected), 1e-12);
}

TEST(Symmetric, a_nan_stays_in_its_matrix) {
  Random random(7);
  auto f = symmetric_product(random.normal({3, 4, 4}, at::kFloat));
  f[1][2][3] = std::numeric_limits<double>::quiet_NaN();
  const auto values = eigen(f).values, root = inverse_power(f, 0.25, 1e-6);
  for (const int64_t i : {0, 2}) EXPECT_TRUE(finite(values[i]) && finite(root[i]));
  EXPECT_TRUE(values[1].isnan().all().item<bool>());
  EXPECT_TRUE(root[1].isnan().all().item<bool>());
}

}  // namespace
}  // namespace steepest::test
