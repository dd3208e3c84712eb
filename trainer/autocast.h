// SPDX-License-Identifier: Apache-2.0
// Half precision in the forward pass; the weights and the loss stay float32.
#pragma once

#include <ATen/autocast_mode.h>

namespace steepest::trainer {

class Autocast {
 public:
  // Makes torch compute products in bfloat16 on the device while this object lives, if `on`.
  Autocast(bool on, at::DeviceType device) : on_(on), device_(device) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
  }
  // Switches that off again, and drops torch's bfloat16 copies of the weights, which the next step
  // changes.
  ~Autocast() {
    if (!on_) return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  at::DeviceType device_;
};

}  // namespace steepest::trainer
