// SPDX-License-Identifier: Apache-2.0
// Rotary positions: the pair (x_i, x_{i + D/2}) of a head is turned by position * base^(-2i/D), so
// a product of queries and keys depends only on the distance of their positions.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace steepest::trainer {

class Rotary {
 public:
  // Makes the table of turns of `context` positions. A `fraction` of the D/2 frequencies turn,
  // spread over the whole range; the rest stay.
  Rotary(int64_t context, int64_t head_width, double base, double fraction, at::Device device);

  // Turns queries or keys x [rows, length, heads, head_width] at positions 0, 1, ..
  at::Tensor operator()(const at::Tensor& x) const;

  void to(at::Device device);

 private:
  at::Tensor turns_;  // exp(i angle), [context, 1, head_width / 2], complex float32
};

}  // namespace steepest::trainer
