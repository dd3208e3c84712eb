// SPDX-License-Identifier: Apache-2.0
// What becomes of a direction after the norm: s' = T(s), with state of its own. The dual of a block
// is <u, s'> of what is really moved, so that Momo and the outer norm hold whatever the transform.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/base/spec.h"
#include "steepest/momentum.h"
#include "steepest/norm.h"

namespace steepest {

// What a transform is given beside a direction.
struct TransformContext {
  std::vector<at::Tensor> slots = {};  // in the order of slots(): [B, ..sizes of one matrix]
  at::Tensor momentum =
      {};                  // m [B, r, c] of the state, in its dtype; defined where uses_momentum()
  at::Tensor weight = {};  // W [B, r, c] before the step; defined where uses_weight()
  MomentumMap map = {};    // of this step
  double forget = 0;       // 1 - b, what error feedback takes away
  at::Tensor right = {};   // V [B, c, k] of a direction U V^T; undefined: it is not of that form
  at::Tensor used = {};  // P [B, r, k], orthonormal: P P^T m is what s has used; undefined: m V V^T
};

class Transform {
 public:
  virtual ~Transform() = default;

  // Returns what the transform keeps for each [r, c] matrix, beside the momentum.
  virtual std::vector<Slot> slots(int64_t rows, int64_t cols) const;

  // Takes the direction s [B, r, c] into the state, in place: called once a step, before apply().
  virtual void observe(const at::Tensor& s, const TransformContext& context) const;

  // Returns s' [B, r, c], what is moved along in place of s; changes nothing, so that it can be
  // done twice.
  virtual at::Tensor apply(const at::Tensor& s, const TransformContext& context) const;

  // Whether s' = s, by default not. Of such a transform neither observe() nor apply() is called,
  // but once a step, when the direction has had its last use, finish(), which may change the state.
  virtual bool keeps_direction() const { return false; }
  // For a transform with keeps_direction(): changes the state, in place, after the last use of s
  // [B, r, c].
  virtual void finish(const at::Tensor& s, const TransformContext& context) const;

  // Whether context.momentum has to be set for observe(), apply() and finish(), as they use it; by
  // default not.
  virtual bool uses_momentum() const { return false; }
  // Whether context.weight has to be set for observe() and apply(); by default not.
  virtual bool uses_weight() const { return false; }
  // Returns a bound on the entries of s' [r, c], where those of s are at most `entry` and those of
  // u and of the momentum at most `momentum`.
  virtual double largest_entry(double entry, double momentum, int64_t rows, int64_t cols) const = 0;

  virtual std::string name() const = 0;
};

using TransformPtr = std::shared_ptr<const Transform>;

// The rescales, in the grammar of norms. A new one is one .cpp in this folder and one line in
// catalog.inc.
struct RescaleEntry {
  std::string name;
  std::string summary;
  std::vector<std::string> arguments;
  std::vector<std::string> examples;  // specs that the property tests run
  TransformPtr (*make)(const Spec& spec);
};
// Returns the entries of all rescales, in the order of catalog.inc.
const std::vector<RescaleEntry>& rescale_catalog();

// Returns the transform of a spec, "normuon(beta2=0.95)"; null for "none". Throws c10::ValueError
// on an unknown name or argument.
TransformPtr make_rescale(const std::string& spec);

namespace transforms {
TransformPtr momentum_of_direction();
TransformPtr error_feedback();
}  // namespace transforms

// What a group's choices ask for, in this order: rescale, momentum after the norm, error feedback.
std::vector<TransformPtr> make_transforms(const Choices& choices);

}  // namespace steepest
