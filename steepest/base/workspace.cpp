// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/workspace.h"

#include "steepest/kernels/kernels.h"

namespace steepest {

int64_t workspace_bytes() { return kernel_workspace_bytes(); }

}  // namespace steepest
