// SPDX-License-Identifier: Apache-2.0
#include "steepest/bindings/bound_state.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <list>
#include <mutex>

#include "steepest/engine/auto_rate.h"
#include "steepest/engine/check.h"
#include "steepest/engine/entries.h"
#include "steepest/serialize/plan_json.h"

namespace steepest {

std::shared_ptr<const Plan> plan_of(const std::string& text) {
  static std::mutex mutex;
  static std::list<std::pair<std::string, std::shared_ptr<const Plan>>> kept;  // the latest first
  constexpr size_t kMax = 16;  // plans; a process seldom has more optimizers
  const std::lock_guard lock(mutex);
  for (auto it = kept.begin(); it != kept.end(); ++it) {
    if (it->first != text) continue;
    kept.splice(kept.begin(), kept, it);
    return it->second;
  }
  kept.emplace_front(text, std::make_shared<const Plan>(plan_from_json(text)));
  if (kept.size() > kMax) kept.pop_back();
  return kept.front().second;
}

namespace {

// Copies from tensor to tensor, collected: on an accelerator a few launches do them all.
class Copies {
 public:
  void add(const at::Tensor& to, const at::Tensor& from) {
    auto own = std::find_if(lists_.begin(), lists_.end(),
                            [&](const Lists& each) { return each.to[0].device() == to.device(); });
    if (own == lists_.end()) own = lists_.insert(own, Lists{});
    own->to.push_back(to), own->from.push_back(from);
  }
  void make() const {
    for (const auto& each : lists_) at::_foreach_copy_(each.to, each.from);
  }

 private:
  struct Lists {
    std::vector<at::Tensor> to, from;
  };
  std::vector<Lists> lists_;  // of each device
};

}  // namespace

BoundState::BoundState(const Plan& plan, const StepLists& lists, const char* op)
    : plan_(plan), lists_(lists) {
  check_lists(plan, lists, op);
  states_.resize(lists.params.size());
  for (size_t i = 0; i < lists.params.size(); ++i) {
    const std::optional<at::Tensor> grad = lists.grads.get(i);
    params_.push_back({lists.params[i], grad.value_or(at::Tensor()), &states_[i]});
  }
  size_t at = 0;
  for (size_t k = 0; k < lists.live.size(); ++k) {
    auto& state = states_[lists.live[k]];
    const auto index = static_cast<size_t>(lists.live[k]);
    state.step = read_step(plan.params[index].name, lists.steps[k]);
    for (const auto& entry : engine::state_entries(plan, index))
      entry.of(state) = lists.state[at++];
    engine::check_param(plan, index, params_[index]);
    if (state.step == 0) undefine_flat_entries(state, index);
  }
}

void BoundState::write_back() const {
  Copies copies;
  size_t at = 0;
  for (size_t k = 0; k < lists_.live.size(); ++k) {
    auto state = states_[lists_.live[k]];
    lists_.steps[k].fill_(static_cast<double>(state.step));
    for (const auto& entry : engine::state_entries(plan_, lists_.live[k])) {
      const auto& now = entry.of(state);
      if (now.defined() && !now.is_same(lists_.state[at])) copies.add(lists_.state[at], now);
      ++at;
    }
  }
  copies.make();
}

// Undefines, in the state of parameter number `index` before its first step, the entries that are
// not of the parameter's own shape. The caller's list has tensors for them, but the engine makes
// what is undefined, and would take a defined dual norm for one that the last step has left.
void BoundState::undefine_flat_entries(ParamState& state, size_t index) const {
  for (const auto& entry : engine::state_entries(plan_, index)) {
    if (!entry.like_param()) entry.of(state) = at::Tensor();
  }
}

GlobalState bind_global(const at::Tensor& momo_step, const at::Tensor& momo) {
  GlobalState global;
  if (momo.numel() < 3) return global;
  global.step = read_step("momo", momo_step);
  if (global.step == 0) return global;
  global.loss_average = momo[0].clone();
  global.weight = momo[1].clone();
  global.f_star = momo[2].clone();
  if (momo.numel() == 3 + engine::kAutoNumbers)
    global.auto_rate = momo.narrow(0, 3, engine::kAutoNumbers).clone();
  return global;
}

at::Tensor momo_numbers(const GlobalState& global) {
  if (!global.loss_average.defined()) return at::empty({0}, at::kDouble);
  const auto model = at::stack({global.loss_average, global.weight, global.f_star});
  if (!global.auto_rate.defined()) return model;
  return at::cat({model, global.auto_rate.to(model.device())});
}

}  // namespace steepest
