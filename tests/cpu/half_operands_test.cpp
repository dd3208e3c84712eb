// SPDX-License-Identifier: Apache-2.0
// Products of operands rounded to 16 bits: bfloat16 by AMX, on the processor's own tiles or in
// software, and by AVX-512 BF16, judged by float64 products of the same operands rounded to
// bfloat16; float16 by AVX-512 FP16, judged by float64 products of the operands themselves.

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

#include "steepest/kernels/cpu/amx.h"
#include "steepest/kernels/cpu/gemm.h"
#include "steepest/kernels/cpu/gemm_kernel.h"
#include "tests/cpu/matrices.h"
#include "tests/support/amx_emulator.h"

namespace steepest::cpu::test {
namespace {

using steepest::test::AmxEmulator;

double norm_of(const at::Tensor& x) {
  return at::where(x.isfinite(), x, 0).norm(2, at::kDouble).item<double>();
}

using Find = const KernelChoice* (*)();

class HalfOperands : public testing::TestWithParam<Find> {
 protected:
  void SetUp() override {
    if (GetParam()() == nullptr) GTEST_SKIP() << "not on this processor or by this compiler";
  }
  static bool is_amx() { return GetParam() == amx_kernel; }
  static at::ScalarType dtype() { return GetParam()()->operands; }
  static bool sums_in_float32() { return dtype() == at::kBFloat16; }

  static at::Tensor computed(const at::Tensor& a, const at::Tensor& b, bool symmetric = false,
                             double* norm = nullptr) {
    auto c = at::full({a.size(0), b.size(1)}, std::numeric_limits<float>::quiet_NaN());
    gemm({.a = view_of(a),
          .b = view_of(b),
          .c = c.mutable_data_ptr<float>(),
          .symmetric = symmetric,
          .kernel = GetParam()(),
          .a_norm = norm_of(a),
          .b_norm = norm_of(b),
          .c_norm = norm});
    return c;
  }

  // In float16 both numbers are rounded by up to 2^-11 of themselves, and every sum on the way, so
  // that of k of one sign a random walk of sqrt(k) such errors is left.
  static void expect_close(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
                           const std::string& what) {
    const auto exact = [](const at::Tensor& x) {
      return (sums_in_float32() ? x.to(at::kBFloat16) : x).to(at::kDouble);
    };
    const auto should = exact(a).mm(exact(b));
    const double k = static_cast<double>(a.size(1));
    const auto sizes = exact(a).norm(2, 1, true).mm(exact(b).norm(2, 0, true));
    const auto allowed =
        sums_in_float32()
            ? at::full_like(should, 1e-6 * std::sqrt(k) * (4 + should.abs().max().item<double>()))
            : sizes * (std::pow(2, -11) * (3 + std::sqrt(k) / 4));
    EXPECT_TRUE(((c - should).abs() <= allowed).all().item<bool>())
        << what << ": off by " << (c - should).abs().max().item<double>();
  }

  AmxEmulator emulator_;
};

INSTANTIATE_TEST_SUITE_P(By, HalfOperands, testing::Values(amx_kernel, fp16_kernel, bf16_kernel),
                         [](const auto& info) {
                           if (info.param == amx_kernel) return "amx";
                           return info.param == fp16_kernel ? "avx512_fp16" : "avx512_bf16";
                         });

TEST_P(HalfOperands, MultiplyRightlyInEveryShapeAndOrder) {
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
  EXPECT_GT(emulator_.instructions(), is_amx() && !has_amx() ? 10000 : -1);
}

TEST_P(HalfOperands, SumOverMoreStepsThanAPanelHolds) {
  const auto a = gaussian(40, 1000, 3), b = gaussian(1000, 50, 4);
  expect_close(computed(a, b), a, b, "1000 steps");
}

TEST_P(HalfOperands, MirrorTheLowerTriangleOfSymmetricOnes) {
  for (const int64_t n : {1, 32, 97, 130}) {
    const auto a = gaussian(n, 100, 5);
    const auto gram = computed(a, a.t(), true);
    expect_close(gram, a, a.t(), c10::str(n));
    EXPECT_TRUE(at::equal(gram, gram.t()));
  }
}

// What is as large as float32 holds, or as small, and what a few large numbers stand out of.
TEST_P(HalfOperands, TakeFloat32sRange) {
  auto a = gaussian(40, 96, 10);
  const auto b = gaussian(96, 50, 11);
  for (const double scale : {1e-30, 1e-6, 1e6, 1e30})
    expect_close(computed(a * scale, b), a * scale, b, c10::str("times ", scale));
  a[7][9] = 1e5;
  expect_close(computed(a, b), a, b, "one large number");
}

TEST_P(HalfOperands, GiveTheNormOfWhatTheyHaveComputed) {
  for (const int64_t n : {1, 40, 130}) {
    const auto a = gaussian(n, 70, 12), b = gaussian(70, 33, 13);
    double norm = 0;
    const auto c = computed(a, b, false, &norm);
    EXPECT_NEAR(norm, norm_of(c), 1e-5 * norm);
    const auto gram = computed(a, a.t(), true, &norm);
    EXPECT_GE(norm, (1 - 1e-5) * norm_of(gram));
    EXPECT_LE(norm, 1.42 * norm_of(gram));
  }
}

TEST_P(HalfOperands, HaveTheSameBitsOnAnyNumberOfThreads) {
  const auto a = gaussian(200, 180, 6), b = gaussian(180, 190, 7);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  double norm = 0, again = 1;
  const auto product = computed(a, b, false, &norm), gram = computed(a, a.t(), true);
  at::set_num_threads(3);
  EXPECT_TRUE(at::equal(computed(a, b, false, &again), product));
  EXPECT_TRUE(at::equal(computed(a, a.t(), true), gram));
  EXPECT_EQ(norm, again);
  at::set_num_threads(threads);
}

TEST_P(HalfOperands, CarryNaNsOfTheirRowsOnlyAndRoundTiesToEven) {
  auto a = gaussian(40, 64, 8);
  const auto b = gaussian(64, 60, 9);
  a[3][4] = std::numeric_limits<float>::quiet_NaN();
  a[5][0] = std::numeric_limits<float>::infinity();
  const auto c = computed(a, b);
  EXPECT_TRUE(c[3].isnan().all().item<bool>());
  EXPECT_EQ(c.isnan().sum().item<int64_t>(), 60);
  EXPECT_TRUE(c[5].isinf().all().item<bool>());
  const float step = dtype() == at::kBFloat16 ? 1.0f / 256 : 1.0f / 2048;
  const auto ties = at::tensor({1 + step, 1 + 3 * step}).view({2, 1});
  EXPECT_TRUE(at::equal(computed(ties, at::ones({1, 1})), ties.to(dtype()).to(at::kFloat)));
}

TEST(AmxOfThisMachine, IsUsedOnlyWhereTheProcessorAnnouncesIt) {
  std::ostringstream text;
  text << std::ifstream("/proc/cpuinfo").rdbuf();
  const bool announced = text.str().find("amx_bf16") != std::string::npos;
  EXPECT_LE(has_amx(), announced);  // and a machine that traps it comes back from asking
}

}  // namespace
}  // namespace steepest::cpu::test
