// SPDX-License-Identifier: Apache-2.0
// What a process holds of a block: blocks of its local tensor.
#pragma once

#include <vector>

#include "steepest/distributed/layout.h"
#include "steepest/plan.h"

namespace steepest {

// Returns what the box holds of a block of the parameter, as blocks of the tensor that has the
// box's entries alone: none where it holds nothing; one where no matrix is cut, or all are cut
// alike; up to three where the box begins or ends within a part of a split dimension. Their leaves
// are those of the matrices that they are of, or are parts of. Throws c10::ValueError, which names
// the parameter, for a batch that is both split into parts and cut along them.
std::vector<Block> local_blocks(const Block& block, const Box& box, const PlannedParam& param);

}  // namespace steepest
