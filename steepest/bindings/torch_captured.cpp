// SPDX-License-Identifier: Apache-2.0
// torch.ops.steepest.captured_step_: a step whose numbers lie on the device, see engine/captured.h.
#include <ATen/ATen.h>
#include <torch/library.h>

#include "steepest/bindings/bound_state.h"
#include "steepest/bindings/torch_lists.h"
#include "steepest/engine/captured.h"

namespace steepest {
namespace {

// Throws c10::ValueError unless the rates are float64 [2, n] with a row for each of the plan's
// groups, the step count is one number, and all lie on the device of the arena, bytes.
void check_device_numbers(const Plan& plan, const engine::DeviceRates& device,
                          const at::Tensor& arena) {
  const auto& r = device.rates;
  const auto n = r.dim() == 2 ? r.size(1) : 0;
  const bool known = std::all_of(device.rows.begin(), device.rows.end(),
                                 [&](int64_t row) { return row >= 0 && row < n; });
  TORCH_CHECK_VALUE(r.scalar_type() == at::kDouble && r.dim() == 2 && r.size(0) == 2 && known &&
                        device.rows.size() == plan.groups.size(),
                    "steepest::captured_step_: rates: received ", r.scalar_type(), " ", r.sizes(),
                    " and ", device.rows.size(),
                    " rows, allowed float64 [2, n] and a row for each of ", plan.groups.size(),
                    " groups");
  TORCH_CHECK_VALUE(device.step.numel() == 1 && device.step.is_floating_point() &&
                        device.step.device() == r.device() && arena.device() == r.device() &&
                        arena.scalar_type() == at::kByte && arena.dim() == 1,
                    "steepest::captured_step_: step and arena: received ", device.step.device(),
                    " and ", arena.device(), ", allowed one number, and bytes, on ", r.device());
}

// Takes one engine::captured_step in place on params, state and step, under the plan of the JSON
// `text`; params to state, and live, are as in StepLists. rates [2, n] float64 has learning rates
// and weight decays, of which each of the plan's groups has the one that `rows` says; `first`: no
// parameter has had a step. Returns the bytes of arena that the step would have used.
int64_t captured_step_(at::TensorList params, const c10::List<std::optional<at::Tensor>>& grads,
                       at::TensorList state, const at::Tensor& step, const at::Tensor& rates,
                       const at::Tensor& arena, const std::string& text, at::IntArrayRef live,
                       at::IntArrayRef rows, bool first) {
  const auto plan = plan_of(text);
  const std::vector<at::Tensor> counts(
      live.size(), at::scalar_tensor(first ? 0.0 : 1.0, at::TensorOptions(at::kDouble)));
  const StepLists lists{params, grads, counts, state, live};
  BoundState bound(*plan, lists, "captured_step_");
  check_live(*plan, lists);
  const engine::DeviceRates device{rates, rows.vec(), step};
  check_device_numbers(*plan, device, arena);
  Arena own(arena);
  engine::captured_step(*plan, bound.params(), device, own);
  return own.needed();
}

}  // namespace
}  // namespace steepest

TORCH_LIBRARY_FRAGMENT(steepest, m) {
  m.def(
      "captured_step_(Tensor(a!)[] params, Tensor?[] grads, Tensor(b!)[] state, Tensor(c!) step, "
      "Tensor rates, Tensor(d!) arena, str plan, int[] live, int[] rows, bool first) -> int");
}

TORCH_LIBRARY_IMPL(steepest, CompositeExplicitAutograd, m) {
  m.impl("captured_step_", &steepest::captured_step_);
}
