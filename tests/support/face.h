// SPDX-License-Identifier: Apache-2.0
// The C++ optimizer over the tiny network, one group a leaf.
#pragma once

#include <ATen/ATen.h>

#include "steepest/optimizer.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/plan.h"
#include "tests/support/engine_run.h"

namespace steepest::test {

// The tiny network's leaves as groups of their own, in another dtype if asked.
inline Groups groups_of(const std::vector<Leaf>& leaves, at::ScalarType dtype = at::kDouble) {
  Groups groups;
  for (const auto& leaf : leaves) {
    const auto value = leaf.value.to(dtype, /*non_blocking=*/false, /*copy=*/true);
    groups.push_back({.params = {{leaf.name, value}}, .role = leaf.role, .view = leaf.view});
  }
  return groups;
}

inline std::vector<at::Tensor> params_of(const Optimizer& optimizer) {
  std::vector<at::Tensor> all;
  for (const auto& group : optimizer.param_groups()) {
    all.insert(all.end(), group.params().begin(), group.params().end());
  }
  return all;
}

inline void set_grads(const std::vector<at::Tensor>& params, const std::vector<at::Tensor>& grads) {
  for (size_t i = 0; i < params.size(); ++i) params[i].mutable_grad() = grads[i];
}

// One step of the tiny network; the loss is offered to whoever wants it.
inline void train_step(Optimizer& optimizer, int t, bool with_missing = true) {
  const auto params = params_of(optimizer);
  const auto [loss, grads] = evaluate(params, t, with_missing);
  set_grads(params, grads);
  optimizer.observe(at::scalar_tensor(loss, at::kDouble));
  optimizer.step();
}

inline void train(Optimizer& optimizer, int from, int to) {
  for (int t = from; t < to; ++t) train_step(optimizer, t);
}

// The message of the c10::Error that `body` throws, without its backtrace; "" when it throws none.
inline std::string refusal(const auto& body) {
  try {
    body();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

inline bool bit_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) return false;
  }
  return true;
}

}  // namespace steepest::test
