// SPDX-License-Identifier: Apache-2.0
// What a file of tensors holds.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace steepest {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;  // in their own order
using Metadata = std::map<std::string, std::string>;

struct SafeTensors {
  NamedTensors tensors;
  Metadata metadata;  // without the keys of the checksums
};

// Returns the tensor of this name, a pointer into the list, or nullptr where there is none.
const at::Tensor* find_tensor(const NamedTensors& tensors, const std::string& name);

}  // namespace steepest
