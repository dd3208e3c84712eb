// SPDX-License-Identifier: Apache-2.0
// The elementwise passes, run from their source in the emulator: in float32 they have the bits of
// the processor's loops; lists of tensors of any size, alignment and dtype are those of each alone.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "steepest/kernels/cpu/step.h"
#include "steepest/kernels/cuda/step_tasks.h"
#include "tests/cuda/host_unit.h"
#include "tests/cuda/matrices.h"
// The kernels come behind the unit that they use.
#include "steepest/kernels/cuda/device/step.cuh"

namespace steepest::cuda::test {
namespace {

using Tensors = std::vector<at::Tensor>;

void run(int blocks, const std::function<void()>& kernel) {
  emulator::run({.blocks = static_cast<unsigned>(blocks),
                 .threads = kStepThreads,
                 .shared_bytes = kStepShared},
                kernel);
}

// Tensors of sizes around those of a chunk, each at an address of its own alignment.
Tensors tensors(uint64_t seed, at::ScalarType dtype = at::kFloat) {
  Tensors all;
  for (const int64_t size : {1, 3, 4, 4095, 4096, 4097, 9001})
    all.push_back(gaussian({size + 7}, seed + size, dtype).narrow(0, size % 5, size));
  return all;
}

Tensors clones(const Tensors& all) {
  Tensors copies;
  for (const auto& t : all) copies.push_back(t.clone());
  return copies;
}

TEST(Step, AdvanceHasTheProcessorsBits) {
  for (const auto& [take, carry] : std::vector<std::pair<double, double>>{{.05, .95}, {.7, .3}}) {
    const auto m = tensors(1), g = tensors(2), u = tensors(3);
    const auto expected_m = clones(m), expected_u = clones(u);
    auto list = advance_tasks(m, g, u, take, carry);
    ASSERT_EQ(list.size(), 1u);
    auto sums = at::zeros({list[0].blocks}), squares = at::zeros({7});
    list[0].task.partial_squares = sums.data_ptr<float>();
    run(list[0].blocks, [&] { advance(list[0].task); });
    auto task = sum_task(list[0]);
    task.partials = sums.data_ptr<float>();
    task.sums = squares.data_ptr<float>();
    run(task.count, [&] { sum_partials(task); });
    for (size_t i = 0; i < m.size(); ++i) {
      ASSERT_TRUE(cpu::advance(expected_m[i], g[i].clone(), expected_u[i], take, carry));
      EXPECT_TRUE(at::equal(m[i], expected_m[i])) << i;
      EXPECT_TRUE(at::equal(u[i], expected_u[i])) << i;
      const double square = u[i].to(at::kDouble).square().sum().item<double>();
      EXPECT_NEAR(squares[i].item<double>(), square, 1e-6 * square) << i;
    }
  }
}

TEST(Step, AdvanceCasts) {
  const auto m = tensors(1), g = tensors(2, at::kBFloat16), u = tensors(3, at::kHalf);
  const auto before = clones(m);
  auto list = advance_tasks(m, g, u, .1, .9);
  run(list[0].blocks, [&] { advance(list[0].task); });
  for (size_t i = 0; i < m.size(); ++i) {
    const auto wide = g[i].to(at::kFloat).clone(), look = at::empty_like(wide);
    ASSERT_TRUE(cpu::advance(before[i], wide, look, .1, .9));
    EXPECT_TRUE(at::equal(m[i], before[i]));
    EXPECT_TRUE(at::equal(u[i], look.to(at::kHalf)));
  }
}

TEST(Step, LongListsTakeSeveralLaunches) {
  Tensors m, g, u;
  for (int64_t i = 0; i < 2 * kMaxListed + 1; ++i) {
    m.push_back(at::zeros({i + 1}));
    g.push_back(at::full({i + 1}, static_cast<double>(i)));
    u.push_back(at::zeros({i + 1}));
  }
  const auto list = advance_tasks(m, g, u, 1, 0);
  ASSERT_EQ(list.size(), 3u);
  for (const auto& launch : list) run(launch.blocks, [&] { advance(launch.task); });
  for (size_t i = 0; i < m.size(); ++i) EXPECT_TRUE(at::equal(m[i], g[i])) << i;
}

TEST(Step, MoveHasTheProcessorsBits) {
  for (const DecayedMove& move : {DecayedMove{.02, .999}, DecayedMove{.02, .9, true},
                                  DecayedMove{1e-42, 1}, DecayedMove{0, .5}}) {
    const auto w = tensors(1), s = tensors(2), expected = clones(w);
    const auto list = move_tasks(w, s, std::vector<double>(w.size(), move.keep), {}, move);
    run(list[0].blocks, [&] { cuda::move(list[0].task); });
    for (size_t i = 0; i < w.size(); ++i) {
      ASSERT_TRUE(cpu::apply(expected[i], s[i].clone(), move));
      EXPECT_TRUE(at::equal(w[i], expected[i])) << i;
    }
  }
}

// Each matrix by a coefficient of its own, which the host does not read.
TEST(Step, MovesMatricesByTheirCoefficients) {
  const Tensors w{gaussian({3, 7, 5}, 1), gaussian({2, 1, 3}, 2)};
  const Tensors s{gaussian({3, 7, 5}, 3), gaussian({2, 1, 3}, 4)}, expected = clones(w);
  const std::vector<double> keep{.9, .8};
  const auto c = gaussian({5}, 5, at::kDouble);
  const auto list = move_tasks(w, s, keep, c, {.coefficient = 2});
  run(list[0].blocks, [&] { cuda::move(list[0].task); });
  for (int64_t i = 0; i < 5; ++i) {
    const int64_t tensor = i < 3 ? 0 : 1, matrix = i < 3 ? i : i - 3;
    const auto one = expected[tensor][matrix];
    ASSERT_TRUE(cpu::apply(one, s[tensor][matrix],
                           {.coefficient = 2 * c[i].item<double>(), .keep = keep[tensor]}));
    EXPECT_TRUE(at::equal(w[tensor][matrix], one)) << i;
  }
}

}  // namespace
}  // namespace steepest::cuda::test
