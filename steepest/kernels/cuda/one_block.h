// SPDX-License-Identifier: Apache-2.0
// How a launch of device/one_block.cuh looks for matrices of a shape: a pure function.
#pragma once

#include <cstdint>
#include <optional>

#include "steepest/kernels/cuda/device/tasks.h"
#include "steepest/kernels/iteration.h"

namespace steepest::cuda {

struct OneBlockLaunch {
  int width = 0;             // N of the kernel: the short side at least
  int64_t shared_bytes = 0;  // of dynamic shared memory
  bool needs_work = false;   // IterationTask::work
  IterationTask task{};      // without its pointers and `vectors`
};

// Returns the launch for matrices [rows, columns] on a device whose blocks may have shared_limit
// bytes of shared memory; nothing where no kernel takes them: the short side is above 192, two
// squares of it do not fit, or there are more than kMaxSteps steps. Segments of several steps take
// a third square; where that does not fit, X is formed after every step.
std::optional<OneBlockLaunch> one_block_launch(int64_t rows, int64_t columns, Kind kind,
                                               const PolynomialIteration& iteration,
                                               int64_t shared_limit);

}  // namespace steepest::cuda
