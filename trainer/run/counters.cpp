// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/counters.h"

#include <ATen/ATen.h>

#include <cmath>

namespace steepest::trainer {

void put_counters(const Counters& counters, NamedTensors& state) {
  const auto put = [&](const char* key, double value) {
    state.emplace_back(key, at::full({}, value, at::kDouble));
  };
  put("seconds", counters.seconds);
  put("optimizer_seconds", counters.optimizer_seconds);
  put("val_loss", counters.val_loss);
  put("val_step", static_cast<double>(counters.val_step));
  if (!std::isnan(counters.val_accuracy)) put("val_accuracy", counters.val_accuracy);
  if (!std::isnan(counters.hellaswag)) put("hellaswag", counters.hellaswag);
}

Counters counters_of(const NamedTensors& state) {
  Counters counters;
  const auto take = [&](const char* key, double otherwise) {
    const auto* t = find_tensor(state, key);
    return t == nullptr ? otherwise : t->item<double>();
  };
  counters.seconds = take("seconds", counters.seconds);
  counters.optimizer_seconds = take("optimizer_seconds", counters.optimizer_seconds);
  counters.val_loss = take("val_loss", counters.val_loss);
  counters.val_step =
      static_cast<int64_t>(take("val_step", static_cast<double>(counters.val_step)));
  counters.val_accuracy = take("val_accuracy", counters.val_accuracy);
  counters.hellaswag = take("hellaswag", counters.hellaswag);
  return counters;
}

}  // namespace steepest::trainer
