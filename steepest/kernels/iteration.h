// SPDX-License-Identifier: Apache-2.0
// A Newton-Schulz iteration spelled out: which steps, in which form. A device that has a kernel for
// it runs it as a whole.
#pragma once

#include <cstdint>
#include <vector>

namespace steepest {

struct PolynomialCoefficients {  // phi(x) = a x + b x^3 + c x^5
  double a = 0, b = 0, c = 0;
  // Returns phi(x): what a step makes of a singular value x.
  double operator()(double x) const { return x * (a + x * x * (b + x * x * c)); }
};

// X_0 = x / (safety |x|_F),   X_{k+1} = a_k X_k + b_k (X_k X_k^T) X_k + c_k (X_k X_k^T)^2 X_k.
struct PolynomialIteration {
  std::vector<PolynomialCoefficients> steps;  // one or more
  double safety = 1;
  bool gram = false;              // several steps are gathered in one factor: polar/gram.cpp
  std::vector<int64_t> restarts;  // of the Gram form: the steps before which X is formed
  // Whether the operands of each product are rounded to 16 bits, while the iterates stay in
  // float32: for devices on which that is quicker.
  bool half_operands = false;
};

// Returns the end of the steps [begin, end) that are to be gathered into one factor of X: in the
// Gram form the next restart, or the number of all steps; in the standard form begin + 1, as each
// step multiplies X.
inline int64_t next_restart(const PolynomialIteration& it, int64_t begin) {
  const auto steps = static_cast<int64_t>(it.steps.size());
  if (!it.gram) return begin + 1;
  for (const int64_t r : it.restarts)
    if (r > begin && r < steps) return r;
  return steps;
}

}  // namespace steepest
