// SPDX-License-Identifier: Apache-2.0
// The passes over memory that a step of the engine makes, for contiguous float32 tensors: they
// return false for others. What they write has the bits of the operators that they replace.
// steepest:: Kernels says what they compute.
#pragma once

#include "steepest/kernels/table.h"

namespace steepest::cpu {

// Advances the momentum m <- lerp(m, g, take) in place by the gradient g, and writes the look-ahead
// u <- lerp(g, m, carry) of the new m, where lerp(a, b, w) = a + w (b - a). All have as many
// entries. False, with nothing done, where one is not contiguous float32 in memory.
bool advance(const at::Tensor& m, const at::Tensor& g, const at::Tensor& u, double take,
             double carry);

// Writes products [B] float64 <- <u, s> of each matrix of s [B, r, c]. u = g + carry (m - g), the
// look-ahead that advance() wrote, is formed anew as it is read: for callers that have since used
// its memory for something else. False, with nothing done, where m, g or s is not contiguous
// float32 in memory.
bool nesterov_products(const at::Tensor& m, const at::Tensor& g, double carry, const at::Tensor& s,
                       const at::Tensor& products);

// Moves the weights in place, w <- keep w - coefficient s for the direction s, with keep and
// coefficient from `move`; where move.aligned_only is set, keep applies only where w and s have the
// same sign or either is 0. False, with nothing done, where w or s is not contiguous float32 in
// memory.
bool apply(const at::Tensor& w, const at::Tensor& s, const DecayedMove& move);

}  // namespace steepest::cpu
