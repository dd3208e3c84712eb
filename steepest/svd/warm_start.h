// SPDX-License-Identifier: Apache-2.0
// What a caller that keeps warm starts from call to call has to know.
#pragma once

#include <cstdint>

namespace steepest::svd {

// The columns of a warm start for up to half as many triplets: they fill one block of the kernels,
// so that the vectors next to the wanted ones cost nothing.
constexpr int64_t kWarmStartColumns = 16;

// A matrix of up to so many elements is decomposed from a warm start by one thread. For a larger
// one the products take most of the time, and all threads share them.
constexpr int64_t kMaxOneThreadElements = int64_t{1} << 20;

}  // namespace steepest::svd
