// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/work_queue.h"

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <algorithm>
#include <atomic>

namespace steepest::cpu {

void run_queue(int64_t count, const std::function<void(int64_t)>& task) {
  const int64_t threads =
      at::in_parallel_region() ? 1 : std::min<int64_t>(at::get_num_threads(), count);
  if (threads <= 1) {
    for (int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  const at::ThreadLocalState settings;
  std::atomic<int64_t> next{0};
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    const at::ThreadLocalStateGuard guard(settings);
    for (int64_t i = next++; i < count; i = next++) task(i);
  });
}

}  // namespace steepest::cpu
