// SPDX-License-Identifier: Apache-2.0
// Rotary positions (Su et al., 2021, eq. 15): the pair (x_2i, x_{2i + 1}) of a head of width D is
// turned by the angle position * base^(-2i/D), so a product of queries and keys depends only on the
// distance of their positions.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace steepest::trainer {

class Rotary {
 public:
  // Makes the table of rotations of `context` positions. Of the head_width / 2 pairs of entries the
  // first n, a `fraction` of them and at least one, turn: pair i by position * base^(-i/n); the
  // others stay as they are.
  Rotary(int64_t context, int64_t head_width, double base, double fraction, at::Device device);

  // Returns queries or keys x [rows, length, heads, head_width], rotated as at positions 0, 1, ..,
  // length - 1; computed in float32, returned in the dtype of x.
  at::Tensor operator()(const at::Tensor& x) const;

  // Moves the table to the device.
  void to(at::Device device);

 private:
  at::Tensor turns_;  // exp(i angle), [context, 1, head_width / 2], complex float32
};

}  // namespace steepest::trainer
