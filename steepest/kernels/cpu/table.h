// SPDX-License-Identifier: Apache-2.0
// The processor's tables of kernels.
#pragma once

#include "steepest/kernels/table.h"

namespace steepest::cpu {

// The table of kernels for CPU tensors whose entries lie in this process' memory.
const Kernels& kernels();

// The table for CPU tensors of a subclass of torch.Tensor, to whose memory there may be no pointer:
// only kernels that are made of ATen operators.
const Kernels& subclass_kernels();

}  // namespace steepest::cpu
