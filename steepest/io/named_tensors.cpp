// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/named_tensors.h"

namespace steepest {

const at::Tensor* find_tensor(const NamedTensors& tensors, const std::string& name) {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return &tensor;
  }
  return nullptr;
}

}  // namespace steepest
