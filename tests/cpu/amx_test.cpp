// SPDX-License-Identifier: Apache-2.0
// Products by AMX, on the processor's own tiles or in software: judged by float64 products of the
// same numbers rounded to bfloat16.

#include "steepest/cpu/amx.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

#include "steepest/cpu/gemm.h"
#include "steepest/cpu/gemm_kernel.h"
#include "tests/cpu/matrices.h"
#include "tests/support/amx_emulator.h"

namespace steepest::cpu::test {
namespace {

using steepest::test::AmxEmulator;

at::Tensor rounded(const at::Tensor& x) { return x.to(at::kBFloat16).to(at::kDouble); }

at::Tensor computed(const at::Tensor& a, const at::Tensor& b, bool symmetric = false) {
  auto c = at::full({a.size(0), b.size(1)}, std::numeric_limits<float>::quiet_NaN());
  gemm({.a = view_of(a),
        .b = view_of(b),
        .c = c.mutable_data_ptr<float>(),
        .symmetric = symmetric,
        .half = true});
  return c;
}

void expect_close(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
                  const std::string& what) {
  const auto should = rounded(a).mm(rounded(b));
  const double allowed = 1e-6 * std::sqrt(a.size(1)) * (4 + should.abs().max().item<double>());
  EXPECT_LE((c - should).abs().max().item<double>(), allowed) << what;
}

class Amx : public testing::Test {
 protected:
  void SetUp() override {
    if (amx_kernel() == nullptr) GTEST_SKIP() << "not on this architecture";
  }
  AmxEmulator emulator_;
};

TEST_F(Amx, ProductsAreRightForEveryShapeAndOrder) {
  const std::vector<int64_t> sizes = {1, 2, 15, 16, 17, 31, 32, 33, 64, 70, 129};
  for (const int64_t m : sizes) {
    for (const int64_t k : sizes) {
      const int64_t n = sizes[(m * 7 + k) % sizes.size()];
      const auto a = gaussian(m, k, 1), b = gaussian(k, n, 2);
      const auto at = a.t().contiguous().t(), bt = b.t().contiguous().t();
      const auto name = c10::str(m, " x ", k, " x ", n);
      expect_close(computed(a, b), a, b, name);
      expect_close(computed(at, b), a, b, name + ", a by columns");
      expect_close(computed(a, bt), a, b, name + ", b by columns");
      expect_close(computed(at, bt), a, b, name + ", both by columns");
    }
  }
  EXPECT_GT(emulator_.instructions(), has_amx() ? -1 : 10000);
}

TEST_F(Amx, SumsOverMoreStepsThanAPanelHolds) {
  const auto a = gaussian(40, 1000, 3), b = gaussian(1000, 50, 4);
  expect_close(computed(a, b), a, b, "1000 steps");
}

TEST_F(Amx, SymmetricOnesAreTheirLowerTriangleMirrored) {
  for (const int64_t n : {1, 32, 97, 130}) {
    const auto a = gaussian(n, 100, 5);
    const auto gram = computed(a, a.t(), true);
    expect_close(gram, a, a.t(), c10::str(n));
    EXPECT_TRUE(at::equal(gram, gram.t()));
  }
}

TEST_F(Amx, HasTheSameBitsOnAnyNumberOfThreads) {
  const auto a = gaussian(200, 180, 6), b = gaussian(180, 190, 7);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto product = computed(a, b);
  at::set_num_threads(3);
  EXPECT_TRUE(at::equal(computed(a, b), product));
  at::set_num_threads(threads);
}

TEST_F(Amx, CarriesNaNsOfTheirRowsOnlyAndRoundsTiesToEven) {
  auto a = gaussian(40, 64, 8);
  const auto b = gaussian(64, 60, 9);
  a[3][4] = std::numeric_limits<float>::quiet_NaN();
  a[5][0] = std::numeric_limits<float>::infinity();
  const auto c = computed(a, b);
  EXPECT_TRUE(c[3].isnan().all().item<bool>());
  EXPECT_EQ(c.isnan().sum().item<int64_t>(), 60);
  EXPECT_TRUE(c[5].isinf().all().item<bool>());
  const auto ties = at::tensor({1 + 1.0f / 256, 1 + 3.0f / 256}).view({2, 1});
  EXPECT_TRUE(at::equal(computed(ties, at::ones({1, 1})), ties.to(at::kBFloat16).to(at::kFloat)));
}

TEST(AmxOfThisMachine, IsUsedOnlyWhereTheProcessorAnnouncesIt) {
  std::ostringstream text;
  text << std::ifstream("/proc/cpuinfo").rdbuf();
  const bool announced = text.str().find("amx_bf16") != std::string::npos;
  EXPECT_LE(has_amx(), announced);  // and a machine that traps it comes back from asking
}

}  // namespace
}  // namespace steepest::cpu::test
