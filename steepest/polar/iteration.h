// SPDX-License-Identifier: Apache-2.0
// A Newton-Schulz iteration spelled out: which steps, in which form. The kernels of the processor
// run it as a whole.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "steepest/base/tensor.h"
#include "steepest/polar/schedules.h"

namespace steepest::polar {

struct Iteration {
  std::vector<PolynomialCoefficients> steps;  // one or more
  double safety = 1;                          // X_0 = x / (safety |x|_F)
  bool gram = false;                          // the Gram form, see gram.cpp
  std::vector<int64_t> restarts;  // of the Gram form: the steps before which X is formed
  at::ScalarType operand_dtype = at::kFloat;  // what the operands of a product are rounded to
};

// The end of the steps [begin, end) that are gathered in one factor of X: up to the next restart in
// the Gram form, a single step in the standard one.
inline int64_t next_restart(const Iteration& it, int64_t begin) {
  const auto steps = static_cast<int64_t>(it.steps.size());
  if (!it.gram) return begin + 1;
  for (const int64_t r : it.restarts)
    if (r > begin && r < steps) return r;
  return steps;
}

// The iteration that "fast_" + a schedule's name takes where the processor multiplies operands of
// this dtype faster than float32's. is_long: whether the matrices are far from square.
Iteration half_iteration(const Schedule& schedule, int64_t steps, at::ScalarType operand_dtype,
                         bool is_long);

// The result for x [B, r, c] in float32, bfloat16 or float16, with iterates in float32: [B, r, c]
// in the dtype of x, the same bits on any number of threads. Undefined where the processor has no
// kernel for it, or x is not in memory.
at::Tensor iterated_in_memory(const Batch& x, const Iteration& iteration);

// Runs the iteration on one row-major matrix [rows, columns] of any orientation and scale, in
// place. It needs cpu::has_gemm(), and a kernel for the operands. A zero matrix gives zero, one
// with a NaN or an infinity gives NaNs.
void iterate_in_place(float* x, int64_t rows, int64_t columns, const Iteration& iteration);

}  // namespace steepest::polar
