// SPDX-License-Identifier: Apache-2.0
// What a polar decomposition is asked, and the interface of what computes it.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/base/batch.h"

namespace STEEPEST_API steepest {

struct PolarOptions {
  std::string method = "polar_express";  // one of polar_methods()
  std::optional<int64_t> steps;          // unset: the method's own default
  std::optional<at::ScalarType> dtype;   // of the products; unset: the input's
  // For the method "custom" only: (a, b, c) for each step of a Newton-Schulz iteration, of which
  // the last repeats.
  std::vector<std::array<double, 3>> coefficients;
  // For a Gram form only: the steps after which it returns to X. Unset: chosen by the slopes, see
  // gram.cpp.
  std::optional<std::vector<int64_t>> restarts;
  // For the method "auto" only: the largest |1 - sigma'| that the answer may have, for singular
  // values from low |x|_F on; steps and dtype follow from them. Unset: .01 and .001.
  std::optional<double> tol, low;
};

// One way to compute polar factors. A solver is stateless, thread-safe and deterministic, and never
// touches a random generator.
class PolarSolver {
 public:
  virtual ~PolarSolver() = default;

  // The polar factors of x [B, r, c] in float64, float32, bfloat16 or float16, of any strides and
  // any scale from 1e-38 to 3e38: [B, r, c] in the dtype of x. A zero matrix gives zero; directions
  // in the null space give zero, or less than one; an empty batch gives an empty result. If x is
  // owned, its memory may hold the result afterwards, or anything; else it is left as it is.
  virtual at::Tensor polar(const Batch& x) const = 0;
  at::Tensor polar(const at::Tensor& x) const { return polar(Batch{x}); }

  // The bound on max |1 - sigma'| that this solver promises for singular values in [l, 1] of a
  // matrix with |x|_F = 1; 0 for the exact SVD.
  virtual double bound(double l) const = 0;

  // What runs, for a person to read: "polar_express(steps=6, dtype=float32)".
  virtual std::string describe() const = 0;
};

}  // namespace steepest
