// SPDX-License-Identifier: Apache-2.0
// Numbers of the host that a step needs on an accelerator again and again: sent there once.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace steepest {

// Returns the numbers as a tensor [n] on the device, in float64 or int64, which must not be written
// to. On an accelerator the tensor is kept, and given again for the same numbers: the first time
// only, a step waits for the transfer. Of the many lists that a process may come to ask for, the
// last ones are kept.
at::Tensor constants(const std::vector<double>& numbers, const at::Device& device);
at::Tensor constants(const std::vector<int64_t>& numbers, const at::Device& device);

// Returns the same, kept to the end of the process: a graph that was recorded reads the tensor at
// its address whenever it is replayed.
at::Tensor lasting_constants(const std::vector<double>& numbers, const at::Device& device);
at::Tensor lasting_constants(const std::vector<int64_t>& numbers, const at::Device& device);

}  // namespace steepest
