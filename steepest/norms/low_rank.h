// SPDX-License-Identifier: Apache-2.0
// The k leading triplets as a steepest direction: s = sum_{i<=k} w_i u_i v_i^T, dual = sum_{i<=k}
// w_i sigma_i.
#pragma once

#include "steepest/norms/norms.h"

namespace steepest::norms {

// Returns how many of n directions the part `fraction` of them is, rounded up: one at least, if
// there are any.
int64_t part_of(int64_t n, double fraction);

// Returns what a norm keeps of each matrix [rows, cols] for its next truncated SVD: one slot of
// `count` right singular vectors, or more, to begin with; no slot where a decomposition with these
// options has no use for them.
std::vector<Slot> warm_start_slots(const SvdOptions& options, int64_t count, int64_t rows,
                                   int64_t cols);

// Returns the right singular vectors [B, c, p] in the slot that warm_start_slots() asks for, zeros
// before the first step; undefined where the norm has no slot.
at::Tensor warm_start(const NormContext& context);

// Returns the triplets as factors U [B, r, k] and V [B, c, k], with what is to be written to the
// slot for the next step: V in the first columns, in the rest those of t.warm_start, or zeros. Of
// `warm_start`, the slot's present tensor, only shape and dtype are used; where it is undefined,
// there is no slot and nothing to write.
Factors factors_of(const Triplets& t, const at::Tensor& warm_start);

// What the triplets have in a direction: w_i = 1, or sigma_i over the length of all k.
enum class Weights { ones, values };

// Makes the norm called `name` whose direction is made of the k leading singular triplets, k >= 1,
// with these weights, by truncated SVDs with these options.
NormPtr make_low_rank(const std::string& name, int64_t k, const SvdOptions& options,
                      Weights weights = Weights::ones);

}  // namespace steepest::norms
