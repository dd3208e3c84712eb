// SPDX-License-Identifier: Apache-2.0
// One step of any recipe:
//   m_l = momentum(g_l)                       s_l, dual_l = norm_l.steepest(m_l)
//   R_l = lr_l r_l (constrained)  |  sqrt(lr_l) r_l (regularized)
//   d_l = R_l dual_l,   (c, D) = outer(d),   q = 1 (fixed)  |  Momo's factor
//   constrained   W_l <- decay_l W_l - q (c_l / D) R_l s_l
//   regularized   W_l <- decay_l W_l - q  c_l      R_l s_l
#pragma once

#include "steepest/distributed/process_group.h"
#include "steepest/engine/state.h"
#include "steepest/plan.h"

namespace steepest::engine {

// Takes one step: changes the weights and the states of `params` and `global` in place, and returns
// what it has found. `rates` has one entry for each of the plan's groups; loss is 0-dim, needed by
// Momo. Gradients are not modified, and parameters without one are skipped. Everything that can be
// refused is refused before anything changes (c10::ValueError). With measure_duals the result has
// the network's dual norm D also where the step needs none, which changes no bit of the step.
// Where the plan is shared (Plan::sharing), every process of its group calls this with what it
// holds of the parameters, at the same time, and all find the same; `group` stands for the plan's
// group in torch.distributed, where it is given. A parameter with a gradient on some processes only
// is an error on all of them.
StepStats step(const Plan& plan, const std::vector<Param>& params, GlobalState& global,
               const std::vector<Rates>& rates, const at::Tensor& loss = {},
               bool measure_duals = false, ProcessGroup* group = nullptr);

}  // namespace steepest::engine
