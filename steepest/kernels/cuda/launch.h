// SPDX-License-Identifier: Apache-2.0
// Kernels on a device: they are compiled when they are first needed, and from then on launched.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace steepest::cuda {

struct Launch {
  std::string kernel;  // one of kernel_sources()
  int64_t blocks = 1;
  int threads = 32;
  int64_t shared_bytes = 0;  // of dynamic shared memory
};

// Whether kernels run on the tensor's device: NVRTC and the driver are there, the device has
// compute capability 8.0 or more, and nothing has failed on it. The first failure is said once, as
// one warning; from then on ATen does the device's work.
bool is_available(const at::Tensor& on);

// The bytes of shared memory that a block may have there; 0 where kernels do not run.
int64_t shared_limit(const at::Tensor& on);

// Launches the kernel with its task, a struct of device/tasks.h, on the current stream of the
// tensor's device. False, with nothing done, where kernels do not run.
bool launch(const Launch& launch, const at::Tensor& on, const void* task);

// What a person may want to know: "NVRTC 13.2 (path), no driver".
std::string describe();

}  // namespace steepest::cuda
