// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/step.h"

#include <algorithm>

#include "steepest/kernels/cuda/launch.h"

namespace steepest::cuda {
namespace {

// Whether these lists are of plain tensors, each of one dtype, and go together tensor by tensor.
bool go_together(at::TensorList first, std::initializer_list<at::TensorList> others) {
  const auto is_one = [](at::TensorList list) {
    return std::all_of(list.begin(), list.end(), [&](const at::Tensor& t) {
      return is_plain(t) && t.scalar_type() == list[0].scalar_type() &&
             t.device() == list[0].device();
    });
  };
  return !first.empty() && is_one(first) &&
         std::all_of(others.begin(), others.end(), [&](at::TensorList list) {
           return is_one(list) && std::equal(first.begin(), first.end(), list.begin(), list.end(),
                                             [](const at::Tensor& a, const at::Tensor& b) {
                                               return a.numel() == b.numel() &&
                                                      a.device() == b.device();
                                             });
         });
}

// Runs the launches of a kernel for tensors on the device of `on`. The first one finds out whether
// kernels run there; then none of the others fails but with the device.
template <class Task>
bool run(const std::string& kernel, const std::vector<StepLaunch<Task>>& launches,
         const at::Tensor& on) {
  return is_available(on) &&
         std::all_of(launches.begin(), launches.end(), [&](const StepLaunch<Task>& each) {
           const Launch how{.kernel = kernel,
                            .blocks = each.blocks,
                            .threads = kStepThreads,
                            .shared_bytes = kStepShared};
           return launch(how, on, &each.task);
         });
}

// Tells autograd that the tensors have been written to.
void bump(at::TensorList written) {
  for (const auto& t : written) t.unsafeGetTensorImpl()->bump_version();
}

}  // namespace

bool advance_list(at::TensorList m, at::TensorList g, at::TensorList u, double take, double carry) {
  if (!go_together(m, {g, u})) return false;
  if (!run("step_advance", advance_tasks(m, g, u, take, carry), m[0])) return false;
  bump(m);
  return true;
}

bool move_list(at::TensorList w, at::TensorList s, const std::vector<double>& keep,
               const at::Tensor& coefficients, const DecayedMove& move) {
  if (!go_together(w, {s})) return false;
  if (!run("step_move", move_tasks(w, s, keep, coefficients, move), w[0])) return false;
  bump(w);
  return true;
}

bool advance(const at::Tensor& m, const at::Tensor& g, const at::Tensor& u, double take,
             double carry) {
  return advance_list(m, g, u, take, carry);
}

bool apply(const at::Tensor& w, const at::Tensor& s, const DecayedMove& move) {
  return move_list(w, s, {move.keep}, {}, move);
}

}  // namespace steepest::cuda
