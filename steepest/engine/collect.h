// SPDX-License-Identifier: Apache-2.0
// The first stage of a step: state for new parameters, momentum, second moments, Momo's inner
// products; and the bookkeeping of states that belong to one block of a parameter.
#pragma once

#include "steepest/engine/state.h"

namespace steepest {

struct Collected {
  std::vector<at::Tensor> u;  // what each parameter's norm is given; undefined without a gradient
  at::Tensor linear;          // Momo: sum of the h_l, 0-dim float64
};

Collected collect(const Plan& plan, const std::vector<Param>& params,
                  const std::vector<Rates>& rates);

// Momentum after the norm (Orthogonal-SGDM): the momentum of the direction s [b, r, c] itself.
at::Tensor momentum_of_direction(const Plan& plan, const Block& block, const Param& param,
                                 const at::Tensor& s);

// The position of the block's first dual among its parameter's.
int64_t first_leaf(const Plan& plan, const Block& block);
void store_dual(const Plan& plan, const Block& block, const Param& param, const at::Tensor& dual);

}  // namespace steepest
