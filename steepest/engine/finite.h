// SPDX-License-Identifier: Apache-2.0
// nonfinite = skip: a step after which a weight or a state would be NaN or Inf changes nothing.
// Of the numbers it writes a step looks at none: from the gradients' largest magnitude, and where
// an update is proportional to the momentum from that one's too, it is plain that nothing can leave
// the range. Where it is not plain the step is taken with a copy at hand, looked at, and undone.
#pragma once

#include "steepest/engine/step_input.h"

namespace steepest::engine {

// Returns true where all that the step will write is surely finite, given that all that it reads
// is; false only says that the bounds do not show it, and the caller then keeps a copy to go back
// to (Saved). `largest` has the largest magnitude of each parameter's gradient, in the order of
// `in.params`, 0 where there is none.
bool surely_finite(const StepInput& in, const std::vector<double>& largest);

// What a step changes, as it was.
class Saved {
 public:
  // Copies the weights and the state of the parameters with a gradient, and the global state.
  Saved(const StepInput& in, GlobalState& global);

  // Returns the names of the parameters of which a weight or a state is not finite now, and "loss"
  // where Momo's average is not.
  std::vector<std::string> nonfinite() const;
  // Puts everything back as it was copied.
  void restore() const;

 private:
  struct Kept {
    at::Tensor tensor, copy;
  };
  struct KeptParam {
    size_t index;
    ParamState state;
    std::vector<Kept> tensors;
  };

  const StepInput& in_;
  GlobalState& global_;
  GlobalState before_;
  std::vector<KeptParam> params_;
};

}  // namespace steepest::engine
