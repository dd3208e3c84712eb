// SPDX-License-Identifier: Apache-2.0
// Momentum after the norm: m <- keep m + take s,  s' = carry m + look s.  Orthogonal-SGDM
// (arXiv 2202.07052), whose norm is given the gradient itself.
#include <ATen/ATen.h>

#include "steepest/transforms/transform.h"

namespace steepest::transforms {
namespace {

class MomentumOfDirection : public Transform {
 public:
  // Advances context.momentum, once a step and in place, by the norm's direction s [B, r, c] and
  // the weights of context.map: m <- keep m + take s.
  void observe(const at::Tensor& s, const TransformContext& context) const override {
    const auto& m = context.momentum;
    advance(m, s.to(m.scalar_type()), context.map, kernels_of(m));
  }
  // Returns s' = carry m + look s [B, r, c], in m's dtype, with the weights of context.map and the
  // momentum m that observe() has advanced: with a look-ahead s has a share of its own, as in
  // Nesterov's momentum. Where it has none, s' may be m itself, not a copy.
  at::Tensor apply(const at::Tensor& s, const TransformContext& context) const override {
    const auto& m = context.momentum;
    return look_ahead(m, s.to(m.scalar_type()), context.map);
  }
  // Returns true, so that the context of observe() and apply() has the momentum, here a running
  // mean of directions.
  bool uses_momentum() const override { return true; }
  // Returns a bound on the entries of s', where those of s are at most `entry` and those of m
  // before the step at most `momentum`: s' = carry keep m + (carry take + look) s, and of these
  // weights the first is at most 1, the second at most 2: a heavy ball with Nesterov's look-ahead
  // has carry + 1.
  double largest_entry(double entry, double momentum, int64_t, int64_t) const override {
    return 2 * entry + momentum;
  }
  // Returns the transform's name, by which it is shown.
  std::string name() const override { return "momentum"; }
};

}  // namespace

// Makes the transform that takes the momentum of what the norm gives, in place of that of the
// gradient (Orthogonal-SGDM).
TransformPtr momentum_of_direction() { return std::make_shared<MomentumOfDirection>(); }

}  // namespace steepest::transforms
