// SPDX-License-Identifier: Apache-2.0
// What passes from the data to a model.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace steepest::trainer {

enum class Split { train, validation };

struct Batch {
  at::Tensor inputs;   // tokens [rows, context] int64, or images [rows, 3, side, side] float32
  at::Tensor targets;  // the next tokens [rows, context] int64, or labels [rows] int64
  uint64_t seed = 0;   // the batch's own random number; a model in training draws dropout from it

  // A copy of the batch on the device; the tensors are the same where they are there already.
  Batch to(at::Device device) const { return {inputs.to(device), targets.to(device), seed}; }
};

}  // namespace steepest::trainer
