// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/work_queue.h"

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <algorithm>
#include <atomic>

// Of MKL, where torch has it, with the name that it exports.
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int count);

namespace steepest::cpu {
namespace {

// While it lives, MKL computes on this thread alone. torch has told MKL to use as many threads as
// itself wherever it is called; inside a parallel region it gets one, and its QR of a tall matrix,
// which divides the work among those that it has asked for, then waits for the others for ever.
class MklAlone {
 public:
  MklAlone() {
    // The first call on a thread sets MKL's number of threads there, torch's own and that of
    // at::parallel_for as it is compiled here: both are to come before.
    at::get_num_threads();
    at::internal::lazy_init_num_threads();
    if (MKL_Set_Num_Threads_Local) before_ = MKL_Set_Num_Threads_Local(1);
  }
  ~MklAlone() {
    if (MKL_Set_Num_Threads_Local) MKL_Set_Num_Threads_Local(before_);
  }
  MklAlone(const MklAlone&) = delete;
  MklAlone& operator=(const MklAlone&) = delete;

 private:
  int before_ = 0;
};

}  // namespace

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
    const MklAlone alone;
    for (int64_t i = next++; i < count; i = next++) task(i);
  });
}

}  // namespace steepest::cpu
