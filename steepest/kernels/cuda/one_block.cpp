// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/one_block.h"

#include <algorithm>
#include <limits>

namespace steepest::cuda {
namespace {

// Returns the smallest width of a kernel for such a short side; 0 where there is none.
int width_for(int64_t side) {
  for (const int width : kWidths)
    if (side <= width) return width;
  return 0;
}

// Returns, as bits, the steps after which X is formed; the last one may be among them.
unsigned ends_of(const PolynomialIteration& iteration) {
  const auto steps = static_cast<int64_t>(iteration.steps.size());
  unsigned ends = 0;
  for (int64_t k = 0; k < steps; k = next_restart(iteration, k))
    ends |= 1u << (next_restart(iteration, k) - 1);
  return ends;
}

// Returns the bytes of so many squares, with what lies before them.
int64_t shared_bytes(int squares, int64_t width) {
  return kScaleBytes + 2 * squares * width * width;
}

// Whether the kernel of this width can have its least memory, two squares, and count and index what
// it is given.
bool fits(int width, int64_t entries, int64_t steps, int64_t shared_limit) {
  return width > 0 && shared_bytes(2, width) <= shared_limit &&
         entries <= std::numeric_limits<int>::max() && steps <= kMaxSteps;
}

}  // namespace

std::optional<OneBlockLaunch> one_block_launch(int64_t rows, int64_t columns, Kind kind,
                                               const PolynomialIteration& iteration,
                                               int64_t shared_limit) {
  const auto steps = static_cast<int>(iteration.steps.size());
  const int width = width_for(std::min(rows, columns));
  if (!fits(width, rows * columns, steps, shared_limit)) return {};

  const unsigned every = (1u << steps) - 1;
  const bool three = shared_bytes(3, width) <= shared_limit;
  const unsigned ends = three ? ends_of(iteration) : every;
  const bool resident = ends == every && std::max(rows, columns) <= width;
  OneBlockLaunch launch{.width = width,
                        .shared_bytes = shared_bytes(three && !resident ? 3 : 2, width),
                        .needs_work = !resident && ends != 1u << (steps - 1),
                        .task = {.rows = static_cast<int>(rows),
                                 .columns = static_cast<int>(columns),
                                 .kind = kind,
                                 .resident = resident,
                                 .panels = three && !resident ? 2 : 1,
                                 .inverse_safety = static_cast<float>(1 / iteration.safety),
                                 .count = steps,
                                 .ends = ends}};
  for (int k = 0; k < steps; ++k) {
    const auto& p = iteration.steps[k];
    launch.task.steps[k] = {static_cast<float>(p.a), static_cast<float>(p.b),
                            static_cast<float>(p.c)};
  }
  return launch;
}

}  // namespace steepest::cuda
