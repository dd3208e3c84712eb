// SPDX-License-Identifier: Apache-2.0
// Which thread computes which bucket, and when. What a bucket computes does not depend on it.
#pragma once

#include <functional>
#include <vector>

#include "steepest/engine/bucket.h"

namespace steepest::engine {

// Calls body(i) for every bucket i. Those of a device run one after another, from this thread.
// Those of the CPU run a bucket a thread, the largest first, each thread taking the next when it is
// free, with no barrier but the last. Where that would leave threads idle (one large matrix among
// small ones), or take more than 4 GiB of memory (large matrices on many threads), the largest are
// computed before, one after another, on all threads together.
void run_buckets(const std::vector<const Bucket*>& buckets,
                 const std::function<void(size_t)>& body);

}  // namespace steepest::engine
