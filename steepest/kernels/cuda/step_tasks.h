// SPDX-License-Identifier: Apache-2.0
// Lists of tensors as the launches of device/step.cuh take them: at most kMaxListed a launch.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "steepest/kernels/cuda/device/tasks.h"
#include "steepest/kernels/table.h"

namespace steepest::cuda {

template <class Task>
struct StepLaunch {
  Task task{};
  int blocks = 0;
};

// Returns the dtype as kernels know it; throws where it is none of float32, float16 and bfloat16.
Kind kind_of_dtype(at::ScalarType dtype);

// Whether kernels may read and write the tensor's entries as one array: it is contiguous, and in
// one of these dtypes.
bool is_plain(const at::Tensor& t);

// Returns the launches that compute m[i] <- lerp(m[i], g[i], take), then u[i] <- lerp(g[i], m[i],
// carry), for lists of tensors that are plain; each list is of one dtype. Their memory has to
// outlive the launches.
std::vector<StepLaunch<AdvanceTask>> advance_tasks(at::TensorList m, at::TensorList g,
                                                   at::TensorList u, double take, double carry);

// Returns the task that adds up the partial sums of this launch, one sum for each of its tensors.
SumTask sum_task(const StepLaunch<AdvanceTask>& launch);

// Returns the launches that compute w[i] <- keep[i] w[i] - c s[i], for lists of tensors that are
// plain; each list is of one dtype. c is the move's coefficient, where `coefficients` is defined
// times those of each matrix: [matrices of all w] float64 on the device, where w[i] is [.., r, c].
// Of the move, `keep` is not read.
std::vector<StepLaunch<MoveTask>> move_tasks(at::TensorList w, at::TensorList s,
                                             const std::vector<double>& keep,
                                             const at::Tensor& coefficients,
                                             const DecayedMove& move);

}  // namespace steepest::cuda
