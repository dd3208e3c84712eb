// SPDX-License-Identifier: Apache-2.0
// The momentum's linear map over lists of tensors: on an accelerator in a few launches, however
// long the lists are.
#pragma once

#include <ATen/core/Tensor.h>

#include "steepest/momentum.h"

namespace steepest::engine {

// Computes m_i <- keep m_i + take x_i in place; x_i has m_i's shape and dtype: advance() of each.
void advance_each(at::TensorList m, at::TensorList x, const MomentumMap& map);

// Computes u_i <- carry u_i + look x_i in place, for a u_i that begins as a copy of m_i: so it
// becomes, to rounding, what look_ahead() returns.
void look_ahead_each(at::TensorList u, at::TensorList x, const MomentumMap& map);

}  // namespace steepest::engine
