// SPDX-License-Identifier: Apache-2.0
// A small network with every kind of parameter: a matrix, a flattened convolution, a fused matrix
// with unequal parts, a batch of matrices, an embedding and vectors. Loss and gradients depend on
// the weights, and on the step through its data.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "steepest/plan.h"

namespace steepest::test {

using Parts = std::function<std::vector<at::Tensor>(const at::Tensor&)>;

struct Leaf {
  std::string name;
  at::Tensor value;  // float64
  Role role;
  int64_t group;
  View view;    // as the library is told
  Parts parts;  // the same said by hand
};

constexpr size_t kGroups = 4;  // two of matrices, two of backups

std::vector<Leaf> tiny_leaves(uint64_t seed = 3);

struct Evaluation {
  double loss = 0;
  std::vector<at::Tensor> grads;  // undefined where the step's gradient is missing
};

// With missing gradients in steps 0, 5, 6 and 8.
Evaluation evaluate(const std::vector<at::Tensor>& weights, int step, bool with_missing = true);

}  // namespace steepest::test
