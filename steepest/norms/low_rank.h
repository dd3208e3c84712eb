// SPDX-License-Identifier: Apache-2.0
// The k leading triplets as a steepest direction: s = sum_{i<=k} u_i v_i^T, dual = sum_{i<=k}
// sigma_i.
#pragma once

#include "steepest/norms/norms.h"

namespace steepest::norms {

// How many right vectors a decomposition with these options is given and gives back: `columns`, or
// none where it has no use for them.
int64_t warm_columns_of(const SvdOptions& options, int64_t columns, int64_t rows, int64_t cols);

// The right vectors into a basis [B, c, p], first of all; then what else there is to begin with, or
// zeros.
void keep_basis(const Triplets& t, const at::Tensor& basis);

NormPtr make_low_rank(const std::string& name, int64_t k, const SvdOptions& options);

}  // namespace steepest::norms
