// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/work_queue.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

#include "steepest/kernels/cpu/scratch.h"

namespace steepest::cpu::test {
namespace {

class WorkQueue : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    threads_ = at::get_num_threads();
    at::set_num_threads(GetParam());
  }
  void TearDown() override { at::set_num_threads(threads_); }

 private:
  int threads_ = 1;
};

TEST_P(WorkQueue, RunsEveryTaskOnce) {
  std::vector<std::atomic<int>> runs(1000);
  run_queue(1000, [&](int64_t i) { ++runs[i]; });
  for (const auto& count : runs) EXPECT_EQ(count, 1);
  run_queue(0, [](int64_t) { FAIL(); });
}

TEST_P(WorkQueue, TasksSeeTheCallersGradMode) {
  const at::NoGradGuard no_grad;
  std::atomic<int> enabled{0};
  run_queue(64, [&](int64_t) { enabled += at::GradMode::is_enabled(); });
  EXPECT_EQ(enabled, 0);
}

TEST_P(WorkQueue, ThrowsATasksException) {
  EXPECT_THROW(run_queue(20,
                         [](int64_t i) {
                           if (i == 7) throw std::runtime_error("seven");
                         }),
               std::runtime_error);
}

TEST_P(WorkQueue, WithinAQueueTasksStayOnTheirThread) {
  std::vector<std::atomic<int>> runs(40);
  run_queue(4, [&](int64_t i) {
    const auto thread = at::get_thread_num();
    run_queue(10, [&](int64_t j) {
      EXPECT_EQ(at::get_thread_num(), thread);
      ++runs[i * 10 + j];
    });
  });
  for (const auto& count : runs) EXPECT_EQ(count, 1);
}

INSTANTIATE_TEST_SUITE_P(Threads, WorkQueue, testing::Values(1, 2, 3));

TEST(Scratch, GrowsAndIsCounted) {
  const auto before = workspace_bytes();
  auto* const first = scratch<float>(Scratch::spare, 1 << 20);
  first[0] = 1, first[(1 << 20) - 1] = 2;
  EXPECT_GE(workspace_bytes(), before);
  EXPECT_GE(workspace_bytes(), 4 << 20);
  EXPECT_EQ(scratch<float>(Scratch::spare, 1 << 10), first);  // large enough: kept
  const auto held = workspace_bytes();
  scratch<float>(Scratch::spare, 2 << 20);
  EXPECT_GT(workspace_bytes(), held);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(scratch<float>(Scratch::spare, 1)) % 64, 0);
}

}  // namespace
}  // namespace steepest::cpu::test
