// SPDX-License-Identifier: Apache-2.0
// Rescales that look at the weights: the size of a direction beside the size of what it moves.
#pragma once

#include "steepest/transforms/transform.h"

namespace steepest::transforms {

// Makes the rescale s' = f s with f = ratio |W| / |s|, or where it only_lifts max(1, that), of
// Frobenius norms of whole matrices, or with axis=rows of each row's length. Where W is zero f is
// 1, and a zero s stays zero. Throws c10::ValueError where ratio is not in [0, 1e6] or axis is
// another word; `ratio` is its default.
TransformPtr to_weight(const Spec& spec, double ratio, bool only_lifts);

}  // namespace steepest::transforms
