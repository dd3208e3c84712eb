// SPDX-License-Identifier: Apache-2.0
// The k leading triplets as a steepest direction: s = sum_{i<=k} u_i v_i^T, dual = sum_{i<=k}
// sigma_i.
#pragma once

#include "steepest/norms/norms.h"

namespace steepest::norms {

// The slot of the right vectors that the next step's decomposition begins with: `count` or more of
// them, or no slot where a decomposition with these options has no use for them.
std::vector<Slot> warm_start_slots(const SvdOptions& options, int64_t count, int64_t rows,
                                   int64_t cols);

// The vectors in that slot [B, c, p], zeros before the first step; undefined where there is none.
at::Tensor warm_start(const NormContext& context);

// U [B, r, k], V [B, c, k], and the right vectors as the slot is to hold them: V first, then what
// else there is to begin with, or zeros.
Factors factors_of(const Triplets& t, const at::Tensor& warm_start);

NormPtr make_low_rank(const std::string& name, int64_t k, const SvdOptions& options);

}  // namespace steepest::norms
