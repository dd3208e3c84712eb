// SPDX-License-Identifier: Apache-2.0
// Polar factors by AMX, on the processor's own tiles or in software, against the same iteration in
// float64; and against bfloat16 throughout, which is what torch.optim.Muon has.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "steepest/cpu/gemm_kernel.h"
#include "steepest/polar/iteration.h"
#include "steepest/polar/solvers.h"
#include "tests/polar/matrices.h"
#include "tests/support/amx_emulator.h"

namespace steepest::test {
namespace {

class AmxPolar : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (cpu::amx_kernel() == nullptr || cpu::float_kernel() == nullptr)
      GTEST_SKIP() << "not on this processor";
  }
  // "fast_" + the schedule's name, as it goes on AMX.
  at::Tensor polar(const at::Tensor& x) const {
    const Schedule schedule = named_schedule(GetParam());
    auto out = x[0].to(at::kFloat).contiguous().clone();
    const int64_t rows = out.size(0), columns = out.size(1);
    const bool is_long = std::max(rows, columns) >= 1.5 * std::min(rows, columns);
    cpu::polar(out.mutable_data_ptr<float>(), rows, columns, amx_iteration(schedule, 5, is_long));
    return out.unsqueeze(0);
  }
  at::Tensor by(at::ScalarType dtype, const at::Tensor& x) const {
    return newton_schulz_solver(named_schedule(GetParam()), {.steps = 5, .dtype = dtype})->polar(x);
  }
  AmxEmulator emulator_;
};

INSTANTIATE_TEST_SUITE_P(Schedules, AmxPolar,
                         testing::Values("jordan", "polar_express", "you", "cubic", "baseline"),
                         [](const auto& info) { return info.param; });

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a.to(at::kDouble) - b).norm() / b.norm()).item<double>();
}

TEST_P(AmxPolar, IsTheIterationInFloat64ButForFourPercent) {
  for (const auto& [r, c] : {std::pair{64, 64}, {128, 96}, {48, 200}, {200, 48}, {96, 300}}) {
    for (const double low : {.3, 1e-2}) {
      const auto x = with_spectrum(logarithmic(std::min(r, c), low), r, c, 5).to(at::kFloat);
      const auto exact = by(at::kDouble, x.to(at::kDouble));
      EXPECT_LE(difference(polar(x), exact), .04) << r << " x " << c << ", " << low;
    }
  }
}

// Square ones, in the standard form.
TEST_P(AmxPolar, IsCloserToItThanBfloat16Throughout) {
  for (const double low : {.999, .3, 1e-2, 1e-3}) {
    const auto x = with_spectrum(logarithmic(96, low), 96, 96, 6).to(at::kFloat);
    const auto exact = by(at::kDouble, x.to(at::kDouble));
    EXPECT_LT(difference(polar(x), exact), difference(by(at::kBFloat16, x), exact)) << low;
  }
}

TEST_P(AmxPolar, TakesEveryScaleZerosAndNaNs) {
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
}  // namespace steepest::test
