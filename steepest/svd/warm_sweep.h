// SPDX-License-Identifier: Apache-2.0
// One sweep from the last step's vectors, where it proves to be enough: most steps of a training.
#pragma once

#include <cstdint>
#include <optional>

#include "steepest/svd/answer.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

// Numbers of A, up to which it is tried, on one thread: beyond, a sweep is what takes the time.
constexpr int64_t kMostWarm = int64_t{1} << 20;

// a [r, c] contiguous float32 on the CPU, task.start [c, 16]. None where the start is not of full
// rank, or more sweeps are needed.
std::optional<Answer> warm_sweep(const at::Tensor& a, const Task& task);

}  // namespace steepest::svd
