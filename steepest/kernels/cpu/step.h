// SPDX-License-Identifier: Apache-2.0
// The passes over memory that a step of the engine makes, for plain float32 tensors: they return
// false for others. What they write has the bits of the operators that they replace. steepest::
// Kernels says what they compute.
#pragma once

#include "steepest/kernels/table.h"

namespace steepest::cpu {

// m <- lerp(m, g, take) and u <- lerp(g, m, carry), over what u holds.
bool advance(const at::Tensor& m, const at::Tensor& g, const at::Tensor& u, double take,
             double carry);

// products <- <lerp(g, m, carry), s> of each matrix, [B] float64.
bool nesterov_products(const at::Tensor& m, const at::Tensor& g, double carry, const at::Tensor& s,
                       const at::Tensor& products);

// w <- w - coefficient s, decayed as `move` says.
bool apply(const at::Tensor& w, const at::Tensor& s, const DecayedMove& move);

}  // namespace steepest::cpu
