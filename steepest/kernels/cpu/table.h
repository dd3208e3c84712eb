// SPDX-License-Identifier: Apache-2.0
// The processor's tables of kernels.
#pragma once

#include "steepest/kernels/table.h"

namespace steepest::cpu {

// That of tensors whose entries lie in this process' memory.
const Kernels& kernels();

// That of subclasses of torch.Tensor, to whose memory there may be no pointer: what operators do.
const Kernels& subclass_kernels();

}  // namespace steepest::cpu
