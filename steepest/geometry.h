// SPDX-License-Identifier: Apache-2.0
// Where the weights of a block live. In Euclidean space a step is W - c s and every gradient a
// tangent; on a manifold the gradient is first projected onto the tangent space at W, and the step
// ends on the manifold again.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace steepest {

class Geometry {
 public:
  virtual ~Geometry() = default;

  // The part of g [B, r, c] along which w [B, r, c] may move: what the momentum takes.
  virtual at::Tensor tangent(const at::Tensor& g, const at::Tensor& w) const = 0;

  // In place on w [B, r, c]: after the Euclidean move, the point of the manifold that it stands
  // for; before [B, r, c] is w as it was.
  virtual void retract(const at::Tensor& w, const at::Tensor& before) const = 0;

  virtual std::string name() const = 0;
};

// Null stands for Euclidean space, where both are the identity: every group of today.
using GeometryPtr = std::shared_ptr<const Geometry>;

}  // namespace steepest
