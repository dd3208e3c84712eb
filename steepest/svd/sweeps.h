// SPDX-License-Identifier: Apache-2.0
// The fast way to leading triplets on the CPU: block Krylov on A^T A, a few columns at a time,
// whose two products read A once.
#pragma once

#include <optional>

#include "steepest/svd/answer.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

// Plain float32 on the CPU, the value stop, a tolerance that float32 can tell.
bool sweeps_apply(const at::Tensor& a, const SvdOptions& options);

// a [r, c] contiguous, at its own scale. None where its entries are out of scale, not finite or
// zero, or the answer would be too inexact: then the general solvers are to be asked.
std::optional<Answer> sweeps(const at::Tensor& a, const Task& task);

}  // namespace steepest::svd
