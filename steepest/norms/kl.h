// SPDX-License-Identifier: Apache-2.0
// KL-Shampoo's factors (arXiv 2509.03378): with S_L x S_R the Kronecker product nearest in the KL
// sense to the mean of vec(G) vec(G)^T, each side is measured in the other's metric,
//   S_L <- b S_L + (1 - b) / c  G S_R^-1 G^T,     S_R <- b S_R + (1 - b) / r  G^T S_L^-1 G,
// where S^-1 is Q diag(1 / l) Q^T with the eigenvalues l <- b l + (1 - b) diag(Q^T [..] Q), which
// every step advances while Q is refreshed more rarely. As in the authors' code, the first gradient
// is measured in no metric, l begins with 0.1, and 1 / sqrt(l) is at most min(n, 4000), or 10.
#pragma once

#include "steepest/norms/kronecker.h"
#include "steepest/norms/symmetric.h"

namespace steepest::norms {

// After the first gradients g [B, r, c] have been taken by update_factors(), brings the factors to
// their scale, the mean over the other side, and begins the eigenvalues.
void start_kl(const Sides& sides, const at::Tensor& g);

// Advances the eigenvalues and, where `factors` says so, the factors in place by the gradients g
// [B, r, c], which are `rotated` = Q_L^T g Q_R in the bases.
void update_kl(const Sides& sides, const at::Tensor& g, const at::Tensor& rotated,
               const Average& average, bool factors);

// Returns x [B, r, c], in the bases, times 1 / sqrt(l) of each of these sides, 0 where l is 0.
at::Tensor whitened(at::Tensor x, const Sides& sides);

}  // namespace steepest::norms
