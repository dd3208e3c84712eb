// SPDX-License-Identifier: Apache-2.0
// Where the weights of a block live. In Euclidean space a step is W - c s and every gradient a
// tangent; elsewhere the gradient is first turned into what the momentum takes, and the step ends
// where the weights may be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/base/spec.h"
#include "steepest/slot.h"

namespace steepest {

// What a geometry is given beside the matrices.
struct GeometryContext {
  std::vector<at::Tensor> slots = {};  // in the order of slots(): [B, ..sizes of one matrix]
  int64_t step = 1;                    // how many gradients the parameter has seen, this one too
  double lr = 0;                       // the group's rate of this step
  double decay = 0;                    // the share that a decoupled decay takes at this step
};

class Geometry {
 public:
  virtual ~Geometry() = default;

  // Returns what the geometry keeps for each [r, c] matrix.
  virtual std::vector<Slot> slots(int64_t rows, int64_t cols) const;

  // Once a step, before tangent(): takes the gradients g [B, r, c] at w [B, r, c], as autograd
  // gives them, into context.slots, in place.
  virtual void observe(const at::Tensor& g, const at::Tensor& w,
                       const GeometryContext& context) const;

  // Returns what the momentum takes in place of g [B, r, c]: the part along which w [B, r, c] may
  // move; by default g. May be called several times in a step.
  virtual at::Tensor tangent(const at::Tensor& g, const at::Tensor& w,
                             const GeometryContext& context) const;

  // In place on w [B, r, c]: after the Euclidean move, the point that it stands for; before
  // [B, r, c] is w as it was. Once a step, which may change context.slots.
  virtual void retract(const at::Tensor& w, const at::Tensor& before,
                       const GeometryContext& context) const = 0;

  // Whether retract() applies context.decay, so that the Euclidean move has none; by default not.
  virtual bool owns_decay() const { return false; }

  // Whether Momo's model of the loss, which is linear along W - t s, holds on the way that the
  // weights really take; by default not.
  virtual bool allows_momo() const { return false; }

  virtual std::string name() const = 0;
};

// Null stands for Euclidean space, where all of it is the identity.
using GeometryPtr = std::shared_ptr<const Geometry>;

// The geometries, in the grammar of norms. A new one is one .cpp in the folder geometries/ and one
// line in its catalog.inc.
struct GeometryEntry {
  std::string name;
  std::string summary;
  std::vector<std::string> arguments;
  std::vector<std::string> examples;  // specs that the property tests run
  GeometryPtr (*make)(const Spec& spec);
};
// Returns the entries of all geometries, in the order of catalog.inc.
const std::vector<GeometryEntry>& geometry_catalog();

// Returns the geometry of a spec, "radial_brake(keep=0.5)"; null for "none". Throws
// c10::ValueError on an unknown name or argument.
GeometryPtr make_geometry(const std::string& spec);

}  // namespace steepest
