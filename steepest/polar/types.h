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
  // For a Gram form only: the steps after which it returns to X; unset: by the slopes.
  std::optional<std::vector<int64_t>> restarts;
  // For the method "auto" only: the largest |1 - sigma'| for singular values from low |x|_F on,
  // from which steps and dtype follow. Unset: .01 and .001.
  std::optional<double> tol, low;
};

// One way to compute polar factors: stateless, thread-safe and deterministic.
class PolarSolver {
 public:
  virtual ~PolarSolver() = default;

  // The polar factors of x [B, r, c], of any floating dtype, strides and scale from 1e-38 to 3e38:
  // [B, r, c] in x's dtype. A zero matrix gives zero; directions in the null space give zero, or
  // less than one. The memory of an owned x may hold anything afterwards.
  virtual at::Tensor polar(const Batch& x) const = 0;
  at::Tensor polar(const at::Tensor& x) const { return polar(Batch{x}); }

  // The bound on max |1 - sigma'| that this solver promises for singular values in [l, 1] of a
  // matrix with |x|_F = 1; 0 for the exact SVD.
  virtual double bound(double l) const = 0;

  // What runs, for a person to read: "polar_express(steps=6, dtype=float32)".
  virtual std::string describe() const = 0;
};

}  // namespace steepest
