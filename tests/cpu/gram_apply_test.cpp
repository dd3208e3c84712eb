// SPDX-License-Identifier: Apache-2.0
// y = A x, z = A^T y in one reading of A, in float32 and of A rounded to float16, judged in
// float64.

#include "steepest/kernels/cpu/gram_apply.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/cpu/matrices.h"

namespace steepest::cpu::test {
namespace {

struct Products {
  at::Tensor y, z;
};
Products empty(const at::Tensor& a, const at::Tensor& x) {
  const auto fill = std::numeric_limits<float>::quiet_NaN();
  return {at::full({a.size(0), x.size(1)}, fill), at::full_like(x, fill)};
}

Products swept(const at::Tensor& a, const at::Tensor& x) {
  auto p = empty(a, x);
  gram_apply({a.const_data_ptr<float>(), a.size(0), a.size(1), x.size(1), x.const_data_ptr<float>(),
              p.y.mutable_data_ptr<float>(), p.z.mutable_data_ptr<float>()});
  return p;
}

bool gram_apply_half(HalfMatrix& half, const at::Tensor& x, Products& p) {
  return half.gram_apply(x.size(1), x.const_data_ptr<float>(), p.y.mutable_data_ptr<float>(),
                         p.z.mutable_data_ptr<float>());
}

// Each number to |a_i| |x_j|, and to |a_k| |y_j|.
void expect_close(const Products& p, const at::Tensor& a, const at::Tensor& x, double tolerance,
                  const std::string& what) {
  const auto wide = a.to(at::kDouble), wide_x = x.to(at::kDouble), y = wide.mm(wide_x);
  const auto rows = [](const at::Tensor& m, int64_t axis) { return m.norm(2, axis, true); };
  const auto y_sizes = rows(wide, 1).mm(rows(wide_x, 0));
  const auto z_sizes = rows(wide, 0).t().mm(rows(y, 0));
  EXPECT_TRUE(((p.y - y).abs() <= tolerance * y_sizes).all().item<bool>()) << what << ", y";
  // z of what y has been rounded to: that error is one of the sums of a column, too
  const auto all = wide.norm() * rows(wide, 0).t().mm(rows(wide_x, 0));
  EXPECT_TRUE(((p.z - wide.t().mm(y)).abs() <= tolerance * (z_sizes + all)).all().item<bool>())
      << what << ", z";
}

const std::vector<std::pair<int64_t, int64_t>>& shapes() {
  static const std::vector<std::pair<int64_t, int64_t>> all = {
      {1, 1}, {3, 70}, {16, 64}, {33, 257}, {200, 784}, {300, 63}, {700, 520}};
  return all;
}

class GramApplies : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    if (!has_gram_apply()) GTEST_SKIP() << "this processor has no kernel";
  }
};
INSTANTIATE_TEST_SUITE_P(Widths, GramApplies, testing::Values(kNarrowBlock, kWideBlock));

TEST_P(GramApplies, AreBothProducts) {
  for (const auto& [r, c] : shapes()) {
    const auto a = gaussian(r, c, 1), x = gaussian(c, GetParam(), 2);
    expect_close(swept(a, x), a, x, 2e-6, c10::str(r, " x ", c));
  }
}

class HalfGramApply : public GramApplies {
 protected:
  void SetUp() override {
    if (!HalfMatrix::is_supported(100, 100)) GTEST_SKIP() << "no AVX-512 FP16";
  }
  static Products products(const at::Tensor& a, const at::Tensor& x) {
    HalfMatrix half(a.const_data_ptr<float>(), a.size(0), a.size(1));
    auto p = empty(a, x);
    EXPECT_TRUE(gram_apply_half(half, x, p));
    return p;
  }
};
INSTANTIATE_TEST_SUITE_P(Widths, HalfGramApply, testing::Values(kNarrowBlock, kWideBlock));

constexpr double kRounding = 1.5e-3;  // of numbers to float16, thrice

TEST_P(HalfGramApply, AreBothProducts) {
  for (const auto& [r, c] : shapes()) {
    const auto a = gaussian(r, c, 1), x = gaussian(c, GetParam(), 2);
    expect_close(products(a, x), a, x, kRounding, c10::str(r, " x ", c));
  }
}

// Over many numbers the roundings cancel.
TEST_P(HalfGramApply, LoseLittleOfTheWhole) {
  const auto a = gaussian(900, 1000, 3), x = gaussian(1000, GetParam(), 4);
  const auto p = products(a, x);
  const auto y = a.to(at::kDouble).mm(x.to(at::kDouble)), z = a.to(at::kDouble).t().mm(y);
  EXPECT_LE(((p.y - y).norm() / y.norm()).item<double>(), 2.5e-3);
  EXPECT_LE(((p.z - z).norm() / z.norm()).item<double>(), 2.5e-3);
}

TEST_P(HalfGramApply, TakeEveryScaleAndGoOnFromWhatIsRounded) {
  const auto a = gaussian(120, 300, 5), x = gaussian(300, GetParam(), 6) * 1e-3;
  for (const double scale : {1e-12, 1., 1e12}) {
    const auto scaled = a * scale;
    HalfMatrix half(scaled.const_data_ptr<float>(), 120, 300);
    auto first = empty(a, x), second = empty(a, x);
    ASSERT_TRUE(gram_apply_half(half, x, first));
    expect_close(first, scaled, x, kRounding, c10::str("times ", scale));
    ASSERT_TRUE(gram_apply_half(half, x, second));
    EXPECT_TRUE(at::equal(first.y, second.y) && at::equal(first.z, second.z));
  }
}

// Small enough to be kept by the caches, and not.
TEST_P(HalfGramApply, HaveTheSameBitsOnAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  for (const int64_t n : {400, 1200}) {
    const auto a = gaussian(n, n + 10, 7), x = gaussian(n + 10, GetParam(), 8);
    at::set_num_threads(1);
    const auto one = products(a, x);
    at::set_num_threads(3);
    const auto three = products(a, x);
    EXPECT_TRUE(at::equal(one.y, three.y) && at::equal(one.z, three.z)) << n;
  }
  at::set_num_threads(threads);
}

TEST_P(HalfGramApply, AZeroMatrixGivesZeros) {
  const auto p = products(at::zeros({50, 60}), gaussian(60, GetParam(), 9));
  EXPECT_EQ(p.y.abs().max().item<double>() + p.z.abs().max().item<double>(), 0);
}

// A row that float16 cannot hold beside the others, one that the sample has missed, and NaNs.
TEST_P(HalfGramApply, SayWhenTheRangeIsTooSmall) {
  const auto x = gaussian(300, GetParam(), 10);
  const auto refuses = [&](const at::Tensor& a) {
    HalfMatrix half(a.const_data_ptr<float>(), a.size(0), a.size(1));
    auto p = empty(a, x);
    return !gram_apply_half(half, x, p);
  };
  auto spike = gaussian(200, 300, 11);
  EXPECT_FALSE(refuses(spike));
  spike[7] *= 1e5;
  EXPECT_TRUE(refuses(spike));
  auto only = at::zeros({200, 300});
  only[7] = gaussian(1, 300, 12)[0] * 1e-6;
  EXPECT_TRUE(refuses(only));
  for (const float bad : {std::nanf(""), INFINITY}) {
    auto a = gaussian(200, 300, 13);
    a[100][30] = bad;
    EXPECT_TRUE(refuses(a)) << bad;
  }
}

}  // namespace
}  // namespace steepest::cpu::test
