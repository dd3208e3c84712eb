// SPDX-License-Identifier: Apache-2.0
// The loops of a device that stand in for two or three ATen operators each. A step asks for the
// table of its device once a bucket; where an entry is null, or returns false and has done nothing,
// ATen does the work. What a loop writes has the bits of the operators that it replaces.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest {

// How the weights decay in the pass that moves them.
struct DecayedMove {
  double coefficient = 0;  // of the direction
  double keep = 1;         // of the weights
  bool aligned_only =
      false;  // they decay only where they have the direction's sign, or either is 0
};

struct Kernels {
  // m <- lerp(m, g, take);  u <- lerp(g, m, carry): torch's EMA and its Nesterov look-ahead in 16
  // bytes an entry instead of 24.
  bool (*advance)(const at::Tensor& m, const at::Tensor& g, const at::Tensor& u, double take,
                  double carry) = nullptr;

  // <lerp(g, m, carry), s> of each matrix, for the u of advance() when it is gone: [B] float64.
  bool (*nesterov_products)(const at::Tensor& m, const at::Tensor& g, double carry,
                            const at::Tensor& s, const at::Tensor& products) = nullptr;

  // w <- keep w - coefficient s: 12 bytes an entry instead of 20. A coefficient that is no float32
  // is multiplied in float64, as what it makes of s may be a float32.
  bool (*apply)(const at::Tensor& w, const at::Tensor& s, const DecayedMove& move) = nullptr;
};

// The table of t's device.
const Kernels& kernels_of(const at::Tensor& t);

// Whether the entries lie in this process' memory, behind a pointer: no accelerator, no subclass of
// torch.Tensor made of other tensors.
bool is_in_memory(const at::Tensor& t);

// In memory, float32 and contiguous: what the processor's loops take.
bool is_plain(const at::Tensor& t);

// Whether x is zero or |x| lies in float32's normal range: rounded to float32, it neither overflows
// nor becomes subnormal.
bool is_in_float32_range(double x);

// What an operator on tensors of `dtype` takes as a scalar without a loss: float32's numbers, but
// ATen on the CPU rounds a scalar to float16 beside float16 tensors, and throws where it cannot.
bool is_scalar_of(double x, at::ScalarType dtype);

}  // namespace steepest
