// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/workspace.h"

#include "steepest/kernels/cpu/scratch.h"

namespace steepest {

int64_t workspace_bytes() { return cpu::workspace_bytes(); }

}  // namespace steepest
