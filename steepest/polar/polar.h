// SPDX-License-Identifier: Apache-2.0
// Polar factors: X = U S V^T  ->  U V^T, for batches of matrices.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

struct PolarOptions {
  std::string method = "polar_express";  // see polar_methods()
  std::optional<int64_t> steps;          // unset: the method's own default
  std::optional<at::ScalarType> dtype;   // of the products; unset: the input's
  // Method "custom" only: (a, b, c) for each step of a Newton-Schulz iteration, the last repeating.
  std::vector<std::array<double, 3>> coefficients;
  // Gram form only: the steps after which it returns to X; unset: chosen by the slopes, see
  // gram.cpp.
  std::optional<std::vector<int64_t>> restarts;
  // Method "auto" only: the largest |1 - sigma'| that the answer may have, for singular values from
  // low |x|_F on; unset: .01 and .001. Steps and dtype follow.
  std::optional<double> tol, low;
};

// One way to compute polar factors. Stateless, thread-safe, deterministic; never touches a random
// generator.
class PolarSolver {
 public:
  virtual ~PolarSolver() = default;

  // x [B, r, c], float64/32/16/bf16, any strides, any scale from 1e-38 to 3e38; returns [B, r, c]
  // of x's dtype. Zero matrices give zero; directions in the null space give zero (or less than
  // one); empty input gives an empty result. x is left as it is, unless the caller may_overwrite
  // it: then it may hold the result, or anything.
  virtual at::Tensor polar(const at::Tensor& x, bool may_overwrite = false) const = 0;

  // The bound on max |1 - sigma| that this solver promises for singular values in [l, 1] of the
  // largest one's Frobenius-normalised scale (0 for the exact SVD).
  virtual double bound(double l) const = 0;

  // "polar_express(steps=6, dtype=float32)": what runs, printable.
  virtual std::string describe() const = 0;
};

// Throws c10::ValueError naming what was received and what is allowed.
std::unique_ptr<PolarSolver> make_polar(const PolarOptions& options);

// The names that `method` accepts: "svd", "polar_express", "jordan", "baseline", "cubic",
// "quintic", "you", "cans", "newton" (coupled), and "gram_" + a Newton-Schulz name for its Gram
// form, which the name alone takes for long matrices in float32, "fast_" + it for the
// cheapest dtype too. Besides: "custom", with coefficients, and "auto", with tol.
std::vector<std::string> polar_methods();

}  // namespace steepest
