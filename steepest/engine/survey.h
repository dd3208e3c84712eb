// SPDX-License-Identifier: Apache-2.0
// What a person wants to see of the last step, measured again from the state when asked for: the
// step itself pays nothing.
#pragma once

#include "steepest/engine/state.h"
#include "steepest/plan.h"

namespace steepest::engine {

// Returns a table [leaves, 5] float64, NaN where a block has no state or a column no meaning:
//   0  what the direction was multiplied by, where no other block's dual plays a part (see Needs)
//   1  the dual norm of the momentum (without Nesterov's look ahead, whose gradient is gone)
//   2  the root mean square of the direction's entries
//   3  the largest singular value of W
//   4  |s s^T - I|_F / sqrt(min(r, c)) of a spectral norm's direction: how far from a polar factor
at::Tensor survey(const Plan& plan, const std::vector<Param>& params,
                  const std::vector<Rates>& rates);

}  // namespace steepest::engine
