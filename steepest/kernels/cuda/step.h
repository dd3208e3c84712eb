// SPDX-License-Identifier: Apache-2.0
// The passes of a step over lists of tensors on a CUDA device, one launch for each 48 of them.
// False, with nothing done, where a list holds anything but plain tensors (step_tasks.h) of one
// dtype, or the kernels do not run.
#pragma once

#include "steepest/kernels/cuda/step_tasks.h"

namespace steepest::cuda {

// m[i] <- lerp(m[i], g[i], take);  u[i] <- lerp(g[i], m[i], carry), in u's dtype.
bool advance_list(at::TensorList m, at::TensorList g, at::TensorList u, double take, double carry);

// w[i] <- keep[i] w[i] - c s[i], as move_tasks() has it.
bool move_list(at::TensorList w, at::TensorList s, const std::vector<double>& keep,
               const at::Tensor& coefficients, const DecayedMove& move);

// The entries of the device's table, see kernels/table.h: lists of one.
bool advance(const at::Tensor& m, const at::Tensor& g, const at::Tensor& u, double take,
             double carry);
bool apply(const at::Tensor& w, const at::Tensor& s, const DecayedMove& move);

}  // namespace steepest::cuda
