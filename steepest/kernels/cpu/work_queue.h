// SPDX-License-Identifier: Apache-2.0
// Independent tasks on the threads of at::parallel_for. Whichever thread is free takes the next, so
// that a core which another process takes away delays one task, and not a barrier in each of them.
#pragma once

#include <cstdint>
#include <functional>

namespace steepest::cpu {

// Runs task(0) ... task(count - 1), begun in this order, each on one thread, under the caller's
// thread-local settings (grad mode, autocast). Within a parallel region, or with one thread, they
// run on this thread one after another. The first exception is rethrown here.
void run_queue(int64_t count, const std::function<void(int64_t)>& task);

}  // namespace steepest::cpu
