// SPDX-License-Identifier: Apache-2.0
// How the stand-in device computes: by the CPU's operators, in its own memory.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>

namespace standin {

constexpr auto kDevice = c10::DeviceType::PrivateUse1;

// Whether the tensor is there, and on the stand-in device.
bool is_on_device(const at::Tensor& t);
// Returns the same numbers, in the same memory, as a tensor of the CPU.
at::Tensor on_host(const at::Tensor& t);
// Returns the device that is meant, by default this thread's.
c10::Device device_or_current(std::optional<c10::Device> device);
// Returns a new tensor of the device.
at::Tensor empty_strided_on(at::IntArrayRef sizes, at::IntArrayRef strides, at::ScalarType dtype,
                            c10::Device device);

// Computes any operator by the CPU's kernel: a boxed kernel, which is counted as one launch, or,
// of lists of tensors that CUDA would go through one by one, as many.
void compute(const c10::OperatorHandle& op, torch::jit::Stack* stack);

}  // namespace standin
