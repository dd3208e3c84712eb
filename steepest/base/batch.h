// SPDX-License-Identifier: Apache-2.0
// What norms are given: a batch of matrices.
#pragma once

#include <ATen/core/Tensor.h>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

// Matrices [B, r, c] with the right to their memory: what is given an owned batch may use it as
// workspace, or return its result in it.
struct Batch {
  at::Tensor matrices;
  bool owned = false;
};

}  // namespace steepest
