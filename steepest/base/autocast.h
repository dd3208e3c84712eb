// SPDX-License-Identifier: Apache-2.0
// Keeps a caller's autocast out of the library's numerics.
#pragma once

#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace steepest {

// While one lives, autocast changes no dtype of an operation on this thread.
struct NoAutocastGuard {
  c10::impl::ExcludeDispatchKeyGuard guard{c10::autocast_dispatch_keyset};
};

}  // namespace steepest
