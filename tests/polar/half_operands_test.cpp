// SPDX-License-Identifier: Apache-2.0
// Polar factors by products of operands rounded to 16 bits (AMX, on the processor's own tiles or in
// software; AVX-512 FP16 and BF16) against the same iteration in float64; and against bfloat16
// throughout, which is what torch.optim.Muon has.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "steepest/kernels/cpu/gemm_kernel.h"
#include "steepest/kernels/cpu/iteration.h"
#include "steepest/polar/solvers.h"
#include "tests/polar/matrices.h"
#include "tests/support/amx_emulator.h"

namespace steepest::polar::test {
namespace {

using steepest::test::AmxEmulator;
using Find = const cpu::KernelChoice* (*)();
using Case = std::tuple<std::string, Find>;  // a schedule, the kernel

class HalfPolar : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (std::get<1>(GetParam())() == nullptr || cpu::float_kernel() == nullptr)
      GTEST_SKIP() << "not on this processor or by this compiler";
  }
  // "fast_" + the schedule's name, as it is computed with these operands.
  static at::Tensor polar(const at::Tensor& x) {
    const auto& [name, kernel] = GetParam();
    auto out = x[0].to(at::kFloat).contiguous().clone();
    const int64_t rows = out.size(0), columns = out.size(1);
    const bool is_long = std::max(rows, columns) >= kGramAspect * std::min(rows, columns);
    cpu::iterate_in_place(out.mutable_data_ptr<float>(), rows, columns,
                          half_iteration(named_schedule(name), 5, std::min(rows, columns), is_long),
                          *kernel());
    return out.unsqueeze(0);
  }
  static at::Tensor by(at::ScalarType dtype, const at::Tensor& x) {
    const Schedule schedule = named_schedule(std::get<0>(GetParam()));
    return newton_schulz_solver(schedule, {.steps = 5, .dtype = dtype})->polar(x);
  }
  AmxEmulator emulator_;
};

INSTANTIATE_TEST_SUITE_P(Schedules, HalfPolar,
                         testing::Combine(testing::Values("jordan", "polar_express", "you", "cubic",
                                                          "cubic5", "baseline"),
                                          testing::Values(cpu::amx_kernel, cpu::fp16_kernel,
                                                          cpu::bf16_kernel)),
                         [](const auto& info) {
                           const std::string name = std::get<0>(info.param);
                           const Find find = std::get<1>(info.param);
                           if (find == cpu::amx_kernel) return name + "_amx";
                           return name +
                                  (find == cpu::fp16_kernel ? "_avx512_fp16" : "_avx512_bf16");
                         });

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b).norm() / b.norm()).item<double>();
}

TEST_P(HalfPolar, IsTheIterationInFloat64ButForFourPercent) {
  std::vector<std::pair<int64_t, int64_t>> shapes = {
      {64, 64}, {128, 96}, {48, 200}, {200, 48}, {96, 300}};
  // Restarts come later for more rows. The tiles of AMX are too slow in software for these.
  if (std::get<1>(GetParam()) != cpu::amx_kernel)
    shapes.insert(shapes.end(), {{128, 512}, {900, 256}, {512, 1024}});
  for (const auto& [r, c] : shapes) {
    for (const double low : {.3, 1e-2, 1e-3}) {
      const auto x = with_spectrum(logarithmic(std::min(r, c), low), r, c, 5).to(at::kFloat);
      const auto exact = by(at::kDouble, x.to(at::kDouble));
      EXPECT_LE(difference(polar(x), exact), .04) << r << " x " << c << ", " << low;
    }
  }
}

// The matrices are square, so that the form is the standard one. Of equal singular values (.999)
// cubic5's errors, .023 and .017, are both what its slopes make of the rounding of X, and either
// may be the smaller one.
TEST_P(HalfPolar, IsCloserToItThanBfloat16Throughout) {
  for (const double low : {.999, .3, 1e-2, 1e-3}) {
    const auto x = with_spectrum(logarithmic(96, low), 96, 96, 6).to(at::kFloat);
    const auto exact = by(at::kDouble, x.to(at::kDouble));
    const double factor = std::get<0>(GetParam()) == "cubic5" && low > .9 ? 1.5 : 1;
    const double bfloat16 = difference(by(at::kBFloat16, x), exact);
    EXPECT_LT(difference(polar(x), exact), factor * bfloat16) << low;
  }
}

// All terms of a sum are equal, and so are their roundings.
TEST_P(HalfPolar, OfEqualColumnsPointsTheSameWay) {
  for (const auto& [r, c] : {std::pair{300, 200}, {270, 180}, {200, 300}, {256, 768}}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      auto column = at::randn({1, r, 1}, at::detail::createCPUGenerator(seed));
      if (seed == 0) column.fill_(1);
      const auto x = column.expand({1, r, c}).contiguous();
      const double value = (x * polar(x)).sum().item<double>() / x.norm().item<double>();
      EXPECT_GT(value, .6) << r << " x " << c << ", " << seed;  // as of every singular value
      EXPECT_LT(value, 1.3) << r << " x " << c << ", " << seed;
    }
  }
}

TEST_P(HalfPolar, TakesEveryScaleZerosAndNaNs) {
  const auto x = with_spectrum(logarithmic(40, .1), 40, 70, 7).to(at::kFloat);
  const auto y = polar(x);
  for (const double scale : {1e-30, 1e-12, 1e25})
    EXPECT_LE(difference(polar(x * scale), y.to(at::kDouble)), .02) << scale;
  EXPECT_EQ(polar(at::zeros_like(x)).abs().max().item<double>(), 0);
  auto broken = x.clone();
  broken[0][3][4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(polar(broken).isnan().all().item<bool>());
}

}  // namespace
}  // namespace steepest::polar::test
