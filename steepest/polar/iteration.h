// SPDX-License-Identifier: Apache-2.0
// An iteration, spelled out for the processor's own kernels: which steps, in which form.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "steepest/polar/schedules.h"

namespace steepest {

struct Iteration {
  std::vector<Coefficients> steps;      // one or more
  double safety = 1;                    // starts at x / (safety |x|_F)
  bool gram = false;                    // the Gram form: see gram.cpp
  std::vector<int64_t> restarts;        // of the Gram form
  at::ScalarType factors = at::kFloat;  // what the numbers of a product are rounded to: cpu/gemm.h
};

// The steps [begin, end) between two restarts, from begin on.
inline int64_t next_stop(const Iteration& it, int64_t begin) {
  const auto steps = static_cast<int64_t>(it.steps.size());
  if (!it.gram) return begin + 1;
  for (const int64_t r : it.restarts)
    if (r > begin && r < steps) return r;
  return steps;
}

// What "fast_" + a schedule's name takes where the processor multiplies these factors faster than
// float32's, for matrices longer than square or not.
Iteration half_iteration(const Schedule& schedule, int64_t steps, at::ScalarType factors,
                         bool is_long);

// x [B, r, c] in float32, bfloat16 or float16, whose iteration is to be kept in float32: [B, r, c]
// of x's dtype. Undefined where the processor has no kernel for it or x is not on the CPU. The same
// bits on any number of threads.
at::Tensor iterated_on_cpu(const at::Tensor& x, const Iteration& iteration, bool may_overwrite);

namespace cpu {

// One row-major matrix [rows, columns] of any orientation and scale, in place. Needs has_gemm(),
// and a kernel for the factors. A zero matrix gives zero, one with a NaN or an infinity NaNs.
void polar(float* x, int64_t rows, int64_t columns, const Iteration& iteration);

}  // namespace cpu
}  // namespace steepest
