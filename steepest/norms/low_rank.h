// SPDX-License-Identifier: Apache-2.0
// The k leading triplets as a steepest direction: s = sum_{i<=k} u_i v_i^T, dual = sum_{i<=k}
// sigma_i.
#pragma once

#include "steepest/norms/norms.h"

namespace steepest::norms {

NormPtr make_low_rank(const std::string& name, int64_t k, const SvdOptions& options);

}  // namespace steepest::norms
