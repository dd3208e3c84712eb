// SPDX-License-Identifier: Apache-2.0
// The memory that threads keep from step to step, so that a step allocates nothing after the first.
#pragma once

#include <cstdint>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

// The bytes of workspace that all threads together hold at this moment; a thread's part is freed
// with the thread.
int64_t workspace_bytes();

}  // namespace steepest
