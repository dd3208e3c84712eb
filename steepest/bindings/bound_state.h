// SPDX-License-Identifier: Apache-2.0
// The caller's tensors as the engine wants them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/bindings/torch_lists.h"

namespace steepest {

// A plan is a pure function of its text: the last few are kept, so that a step does not parse.
std::shared_ptr<const Plan> plan_of(const std::string& text);

// Views of the caller's tensors as the engine's states, and the way back.
class BoundState {
 public:
  // Throws c10::ValueError where a list or a tensor is not what the plan needs; `op` says whose.
  BoundState(const Plan& plan, const StepLists& lists, const char* op);

  std::vector<Param>& params() { return params_; }

  // Copies what the engine has replaced rather than changed into the caller's tensors.
  void write_back() const;

 private:
  void drop_unread(ParamState& state, size_t index) const;

  const Plan& plan_;
  const StepLists& lists_;
  std::vector<ParamState> states_;
  std::vector<Param> params_;
};

// The numbers of the whole network that Momo keeps: momo [3] float64 is loss average, weight and
// f_star; of fewer elements: there are none.
GlobalState bind_global(const at::Tensor& momo_step, const at::Tensor& momo);

}  // namespace steepest
