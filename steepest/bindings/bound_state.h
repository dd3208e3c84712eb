// SPDX-License-Identifier: Apache-2.0
// The caller's tensors as the engine wants them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/bindings/torch_lists.h"

namespace steepest {

// Returns the plan that the JSON text describes (see plan_from_json). A plan depends on its text
// alone, so the last few are kept, for all threads, and a step does not parse.
std::shared_ptr<const Plan> plan_of(const std::string& text);

// Views of the caller's tensors as the engine's states, and the way back.
class BoundState {
 public:
  // Binds the lists of one operator call, without a copy of a tensor, and keeps references to its
  // arguments. Throws c10::ValueError where a list or a tensor is not what the plan needs; `op` is
  // the operator that the message names.
  BoundState(const Plan& plan, const StepLists& lists, const char* op);

  // Returns one Param for each of the plan's parameters, which points into this object's states.
  std::vector<Param>& params() { return params_; }

  // Writes the step counts, and the state tensors that the step has replaced rather than changed in
  // place, into the caller's tensors.
  void write_back() const;

 private:
  // Undefines, in `state`, the tensors that the engine makes itself at a parameter's first step.
  void undefine_flat_entries(ParamState& state, size_t index) const;

  const Plan& plan_;
  const StepLists& lists_;
  std::vector<ParamState> states_;
  std::vector<Param> params_;
};

// Returns the numbers of the whole network that Momo keeps, as copies: momo [3] float64 holds the
// loss average, its weight and f_star, then, where it has them, the kAutoNumbers of GlobalState's
// auto_rate; momo_step is the number of steps. The state is empty before the first step, and where
// momo has fewer elements.
GlobalState bind_global(const at::Tensor& momo_step, const at::Tensor& momo);
// Returns the numbers that bind_global() reads from momo; [0] where the state has no model yet.
at::Tensor momo_numbers(const GlobalState& global);

}  // namespace steepest
