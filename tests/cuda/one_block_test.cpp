// SPDX-License-Identifier: Apache-2.0
// The iteration by one block a matrix, run from its source in the emulator, against the same
// iteration in float64: every width, batches, orientations, panels, dtypes and scales.
#include "steepest/kernels/cuda/one_block.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "steepest/polar/schedules.h"
#include "steepest/polar/solvers.h"
#include "tests/cuda/host_unit.h"
#include "tests/cuda/matrices.h"
// The kernels come behind the unit that they use.
#include "steepest/kernels/cuda/device/one_block.cuh"

namespace steepest::cuda::test {
namespace {

constexpr int64_t kHopper = 232448, kAmpere = 166912, kConsumer = 101376;  // bytes a block may have

template <class Number>
void run_block(int width, const IterationTask& task) {
  switch (width) {
    case 32:
      return one_block<32, Number>(task);
    case 64:
      return one_block<64, Number>(task);
    case 96:
      return one_block<96, Number>(task);
    case 128:
      return one_block<128, Number>(task);
    default:
      return one_block<192, Number>(task);
  }
}

// Returns the result of the iteration for x [B, r, c] by the kernel, in x's dtype.
template <class Number = unit::Fp16>
at::Tensor iterated(const at::Tensor& x, const PolynomialIteration& iteration,
                    int64_t limit = kHopper, uint64_t seed = 1) {
  auto launch = one_block_launch(x.size(1), x.size(2), kind_of(x), iteration, limit).value();
  auto y = x.clone();  // in place
  auto work = at::full(x.sizes(), 7, x.options().dtype(at::kHalf));
  launch.task.x = y.data_ptr();
  launch.task.y = y.data_ptr();
  launch.task.work = static_cast<unsigned short*>(launch.needs_work ? work.data_ptr() : nullptr);
  launch.task.vectors = x.size(2) % 8 == 0;
  emulator::run({.blocks = static_cast<unsigned>(x.size(0)),
                 .threads = static_cast<unsigned>(threads_of(launch.width)),
                 .shared_bytes = launch.shared_bytes,
                 .seed = seed},
                [&] { run_block<Number>(launch.width, launch.task); });
  return y;
}

// The largest singular value of the difference.
double error(const at::Tensor& y, const at::Tensor& expected) {
  return at::linalg_matrix_norm(y.to(at::kDouble) - expected, 2).max().item<double>();
}

// Jordan's five steps: its first `steps`, in the form that the fast method takes.
PolynomialIteration jordan(int64_t steps, bool gram = false, int64_t rows = 128) {
  const auto schedule = polar::named_schedule("jordan");
  return polar::half_iteration(schedule, steps, static_cast<uint64_t>(rows), gram);
}

TEST(OneBlock, EveryWidthUpTo192) {
  for (int64_t n = 1; n <= 192; ++n) {
    const auto x = gaussian({1, n, n + n % 3}, n);
    EXPECT_LT(error(iterated(x, jordan(2)), exact(x, jordan(2))), 3e-3) << n;
  }
}

TEST(OneBlock, FiveStepsOfASquareMatrix) {
  for (const int64_t n : {20, 64, 90, 128, 192}) {
    const auto x = gaussian({1, n, n}, n);
    EXPECT_LT(error(iterated(x, jordan(5)), exact(x, jordan(5))), .007) << n;
  }
}

// Panels of the long side, whole and cut, that do not stay in shared memory; in the Gram form they
// are read after two steps only.
TEST(OneBlock, LongMatricesOfEitherOrientation) {
  for (const bool gram : {false, true}) {
    for (const auto& [r, c] : std::vector<std::pair<int64_t, int64_t>>{
             {1, 300}, {40, 300}, {300, 40}, {64, 513}, {513, 64}, {130, 400}, {97, 128}}) {
      const auto it = jordan(5, gram, std::min(r, c));
      EXPECT_EQ(it.gram, gram);
      const auto x = gaussian({1, r, c}, r);
      EXPECT_LT(error(iterated(x, it), exact(x, it)), gram ? .03 : .007) << r << " x " << c;
    }
  }
}

TEST(OneBlock, SchedulesOfCubicsAndOfOneStep) {
  const auto x = gaussian({2, 50, 70}, 1);
  const auto schedule = polar::named_schedule("cubic5");
  const auto cubic = polar::half_iteration(schedule, 5, 50, false);
  EXPECT_EQ(cubic.steps[0].c, 0);
  EXPECT_LT(error(iterated(x, cubic), exact(x, cubic)), .005);
  EXPECT_LT(error(iterated(x, jordan(1)), exact(x, jordan(1))), 2e-3);
}

// What fits a block decides between one panel's square and two, and against the Gram form.
TEST(OneBlock, FitsTheSharedMemoryThatThereIs) {
  const auto gram = jordan(5, true, 128);
  const auto squares = [&](int64_t n, int64_t m, int64_t limit) {
    const auto launch = one_block_launch(n, m, Kind::float32, gram, limit).value();
    EXPECT_LE(launch.shared_bytes, limit);
    return launch.shared_bytes / (2 * launch.width * launch.width);
  };
  EXPECT_EQ(squares(192, 400, kHopper), 3);
  EXPECT_EQ(squares(192, 400, kAmpere), 2);
  EXPECT_EQ(squares(128, 400, kConsumer), 3);
  EXPECT_FALSE(one_block_launch(192, 400, Kind::float32, gram, kConsumer));
  EXPECT_FALSE(one_block_launch(193, 400, Kind::float32, gram, kHopper));
  const auto x = gaussian({1, 400, 150}, 1);
  EXPECT_LT(error(iterated(x, gram, kAmpere), exact(x, gram)), .007);
  PolynomialIteration many{.steps = {kMaxSteps + 1, {1.5, -.5, 0}}};
  EXPECT_FALSE(one_block_launch(8, 8, Kind::float32, many, kHopper));
}

TEST(OneBlock, AnswersDoNotDependOnTheOrderOfThreads) {
  const auto square = gaussian({1, 70, 61}, 1), wide = gaussian({1, 33, 200}, 2);
  for (const auto limit : {kHopper, int64_t{20000}}) {
    const auto expected = iterated(wide, jordan(5, true, 33), limit, 1);
    for (uint64_t seed = 2; seed < 6; ++seed)
      EXPECT_TRUE(at::equal(iterated(wide, jordan(5, true, 33), limit, seed), expected));
  }
  const auto expected = iterated(square, jordan(5), kHopper, 1);
  for (uint64_t seed = 2; seed < 6; ++seed)
    EXPECT_TRUE(at::equal(iterated(square, jordan(5), kHopper, seed), expected));
}

TEST(OneBlock, ABatchIsItsMatrices) {
  const auto x = gaussian({3, 30, 47}, 4);
  const auto all = iterated(x, jordan(3));
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(at::equal(all.narrow(0, i, 1), iterated(x.narrow(0, i, 1).clone(), jordan(3))));
}

TEST(OneBlock, ADirectionHasNoScale) {
  const auto x = gaussian({1, 24, 40}, 5);
  const auto y = iterated(x / x.abs().max(), jordan(5));
  for (const double scale : {0x1p-126, 0x1p-60, 0x1p60, 0x1p127})
    EXPECT_TRUE(at::equal(iterated(x / x.abs().max() * scale, jordan(5)), y)) << scale;
}

TEST(OneBlock, ZeroGivesZeroAndNaNGivesNaNs) {
  auto x = gaussian({4, 24, 40}, 6);
  x[0].zero_();
  x[1][3][5] = std::numeric_limits<float>::quiet_NaN();
  x[2][23][39] = -std::numeric_limits<float>::infinity();
  const auto y = iterated(x, jordan(5));
  EXPECT_TRUE(at::equal(y[0], x[0]));
  EXPECT_TRUE(y.slice(0, 1, 3).isnan().all().item<bool>());
  EXPECT_LT(error(y.slice(0, 3), exact(x.slice(0, 3), jordan(5))), .007);
}

TEST(OneBlock, EveryDtype) {
  for (const auto dtype : {at::kHalf, at::kBFloat16}) {
    for (const int64_t columns : {40, 77}) {
      const auto x = gaussian({2, 32, columns}, 7).to(dtype);
      const auto y = iterated(x, jordan(5));
      EXPECT_EQ(y.scalar_type(), dtype);
      EXPECT_LT(error(y, exact(x, jordan(5))), dtype == at::kHalf ? .008 : .01);
    }
  }
}

// Seven bits instead of ten: what float16 factors save.
TEST(OneBlock, BFloat16Factors) {
  const auto x = gaussian({1, 64, 64}, 8);
  const double error16 = error(iterated<unit::Bf16>(x, jordan(5)), exact(x, jordan(5)));
  EXPECT_LT(error16, .08);
  EXPECT_GT(error16, error(iterated(x, jordan(5)), exact(x, jordan(5))));
  const auto wide = gaussian({1, 40, 100}, 8);  // through global memory
  EXPECT_LT(error(iterated<unit::Bf16>(wide, jordan(5)), exact(wide, jordan(5))), .08);
}

}  // namespace
}  // namespace steepest::cuda::test
