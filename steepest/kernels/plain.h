// SPDX-License-Identifier: Apache-2.0
// The tensors whose memory a loop of the processor may touch, and the numbers that it may take for
// an operator's.
#pragma once

#include <ATen/core/Tensor.h>

namespace steepest {

// Whether the entries lie in this process' memory, behind a pointer: no accelerator, no subclass of
// torch.Tensor made of other tensors.
bool is_in_memory(const at::Tensor& t);

// Whether t is float32 and contiguous, and is_in_memory(): what the processor's loops take.
bool is_contiguous_float32(const at::Tensor& t);

// Whether x is zero or |x| lies in float32's normal range: rounded to float32, it neither overflows
// nor becomes subnormal.
bool is_in_float32_range(double x);

// Whether x may be handed to an ATen operator as the scalar beside tensors of `dtype`: ATen rounds
// it to float32, and beside float16 tensors on the CPU to float16, where it throws on an overflow.
// False where x would overflow or become subnormal by that; the caller then computes in float64.
bool is_scalar_of(double x, at::ScalarType dtype);

}  // namespace steepest
