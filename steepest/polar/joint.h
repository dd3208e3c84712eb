// SPDX-License-Identifier: Apache-2.0
// The polar factors of matrices of several shapes at a time, for accelerators: what is launched
// grows with the number of shapes by a few launches each, and not at all with that of matrices.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "steepest/base/arena.h"
#include "steepest/kernels/iteration.h"

namespace steepest::polar {

// A Newton-Schulz iteration by ATen's operators, with all factors in `dtype`.
struct JointIteration {
  PolynomialIteration iteration;  // its restarts are those of the Gram form, where that is taken
  at::ScalarType dtype = at::kFloat;
};

// What a solver is besides, which can say what it does to a batch.
class JointSolver {
 public:
  virtual ~JointSolver() = default;
  // Returns the iteration that polar() would run on x [B, r, c], an owned batch of an accelerator
  // without kernels of its own for it; nothing where it runs none.
  virtual std::optional<JointIteration> joint_iteration(const at::Tensor& x) const = 0;
};

// Replaces each batch [B, r, c], all of one dtype and device and contiguous, by scales[i] times its
// polar factors. Working memory is taken from `arena`.
void joint_polar(const JointIteration& joint, const std::vector<at::Tensor>& batches,
                 const std::vector<double>& scales, Arena& arena);

}  // namespace steepest::polar
