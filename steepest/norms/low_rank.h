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

// The right vectors [B, c, p] in the slot that warm_start_slots() asks for, zeros before the first
// step; undefined where the norm has no slot.
at::Tensor warm_start(const NormContext& context);

// The triplets as factors, U [B, r, k] and V [B, c, k], with what the slot is to hold for the next
// step: V in the first columns, in the rest those of t.warm_start, or zeros. Of `warm_start`, the
// slot's present tensor, only shape and dtype are used; undefined, there is no slot.
Factors factors_of(const Triplets& t, const at::Tensor& warm_start);

// The norm called `name` whose direction is the k leading triplets, k >= 1, which truncated SVDs
// with these options compute.
NormPtr make_low_rank(const std::string& name, int64_t k, const SvdOptions& options);

}  // namespace steepest::norms
