// SPDX-License-Identifier: Apache-2.0
// The processor's own float32 products, judged by ATen's in float64.

#include "steepest/kernels/cpu/gemm.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/cpu/matrices.h"

namespace steepest::cpu::test {
namespace {

// alpha a b + beta d + epsilon I from gemm(); d and I only where the product is square.
at::Tensor computed(const at::Tensor& a, const at::Tensor& b, const at::Tensor& d, double alpha,
                    bool symmetric) {
  auto c = at::full({a.size(0), b.size(1)}, std::numeric_limits<float>::quiet_NaN());
  Gemm product{.a = view_of(a), .b = view_of(b), .c = c.mutable_data_ptr<float>()};
  product.alpha = static_cast<float>(alpha);
  product.symmetric = symmetric;
  const auto identity = at::eye(a.size(0), c.options());
  if (d.defined()) {
    product.d = d.const_data_ptr<float>(), product.beta = -.75f;
    product.e = identity.const_data_ptr<float>(), product.epsilon = 3;
  }
  gemm(product);
  return c;
}

at::Tensor expected(const at::Tensor& a, const at::Tensor& b, const at::Tensor& d, double alpha) {
  auto c = a.to(at::kDouble).mm(b.to(at::kDouble)) * alpha;
  if (d.defined()) c = c - .75 * d.to(at::kDouble) + 3 * at::eye(c.size(0), c.options());
  return c;
}

// Each entry is a sum of k products: eps sqrt(k) of |a| |b|, with room for the order of the sum.
void expect_close(const at::Tensor& c, const at::Tensor& should, const at::Tensor& a,
                  const std::string& what) {
  const double allowed = 4e-7 * (4 + std::sqrt(a.size(1))) * 4;
  const double scale = 4 + should.abs().max().item<double>();
  EXPECT_LE((c - should).abs().max().item<double>(), allowed * scale) << what;
}

class Products : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_gemm()) GTEST_SKIP() << "this processor has no kernel";
    threads_ = at::get_num_threads();
  }
  void TearDown() override { at::set_num_threads(threads_); }

 private:
  int threads_ = 1;
};

const std::vector<int64_t>& sizes() {
  static const std::vector<int64_t> all = {1, 2, 5, 6, 7, 15, 16, 17, 31, 33, 95, 97, 130, 385};
  return all;
}

TEST_F(Products, AreRightForEveryShapeAndOrder) {
  for (const int64_t m : sizes()) {
    for (const int64_t k : sizes()) {
      const int64_t n = sizes()[(m * 7 + k) % sizes().size()];
      const auto a = gaussian(m, k, 1), b = gaussian(k, n, 2);
      const auto should = expected(a, b, {}, .5);
      const auto name = c10::str(m, " x ", k, " x ", n);
      expect_close(computed(a, b, {}, .5, false), should, a, name);
      const auto at = a.t().contiguous().t(), bt = b.t().contiguous().t();
      expect_close(computed(at, b, {}, .5, false), should, a, name + ", a by columns");
      expect_close(computed(a, bt, {}, .5, false), should, a, name + ", b by columns");
    }
  }
}

TEST_F(Products, SymmetricOnesAreTheirLowerTriangleMirrored) {
  for (const int64_t n : {1, 2, 6, 17, 96, 97, 200, 390}) {
    for (const int64_t k : {1, 16, 100, 800}) {
      const auto a = gaussian(n, k, 3);
      const auto name = c10::str(n, " x ", k);
      const auto gram = computed(a, a.t(), {}, 1, true);
      expect_close(gram, expected(a, a.t(), {}, 1), a, name);
      EXPECT_TRUE(at::equal(gram, gram.t())) << name;
    }
    const auto r = computed(gaussian(n, n, 4), gaussian(n, n, 4).t(), {}, 1. / n, true);
    const auto z = computed(r, r, r, 2, true);
    expect_close(z, expected(r, r, r, 2), r, c10::str("c R R + b R + a I of ", n));
    EXPECT_TRUE(at::equal(z, z.t()));
  }
}

TEST_F(Products, HaveTheSameBitsOnAnyNumberOfThreads) {
  for (const int64_t n : {64, 300, 500}) {
    const auto a = gaussian(n, n, 5), b = gaussian(n, n + 30, 6);
    at::set_num_threads(1);
    const auto product = computed(a, b, {}, 1, false), gram = computed(a, a.t(), a, 1, true);
    for (const int threads : {2, 3}) {
      at::set_num_threads(threads);
      EXPECT_TRUE(at::equal(computed(a, b, {}, 1, false), product)) << n << ", " << threads;
      EXPECT_TRUE(at::equal(computed(a, a.t(), a, 1, true), gram)) << n << ", " << threads;
    }
  }
}

TEST_F(Products, CarryNaNsAndInfinitiesOfTheirRowsOnly) {
  auto a = gaussian(40, 50, 7), b = gaussian(50, 60, 8);
  a[3][4] = std::numeric_limits<float>::quiet_NaN();
  const auto c = computed(a, b, {}, 1, false);
  EXPECT_TRUE(c[3].isnan().all().item<bool>());
  EXPECT_EQ(c.isnan().sum().item<int64_t>(), 60);
}

}  // namespace
}  // namespace steepest::cpu::test
