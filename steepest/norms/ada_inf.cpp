// SPDX-License-Identifier: Apache-2.0
// max_i a_i |x_i| / |m_i| <= 1 with a = sqrt(v) + eps:  s = m / a,  dual = sum m^2 / a.
// Adam's direction as steepest descent ("Non-Euclidean Gradient Descent", arXiv 2510.09827,
// |.|_ada-inf). The norm depends on m: s has degree 1 in m, the dual degree 2.
#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/second_moment.h"

namespace steepest::norms {
namespace {

class AdaInf : public Adaptive {
 public:
  // Returns the steepest direction s = m / a and its dual, sum m^2 / a, of each matrix of m [B, r,
  // c], where a = sqrt(v) + eps and v is the running mean of the gradients' squares, which the
  // context holds.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto s = preconditioned(m, context).to(m.scalar_type());
    return {s, inner_product(m, s)};
  }
  // Returns s = m / a alone, with the dual left undefined, which saves the dual's pass over memory.
  Measured direction(const Batch& m, const NormContext& context) const override {
    return {preconditioned(m.matrices, context).to(m.matrices.scalar_type())};
  }
  // Says that lists are served where s itself is asked for, and eps keeps 0 / 0 away.
  bool serves(bool sharp, double eps) const override { return !sharp && eps > 0; }
  // Says that s grows with m (degree 1) and depends on the gradients so far (adaptive), entry by
  // entry (elementwise). The norm is a maximum over entries, so that the duals of blocks that are
  // taken as one vector add up (Aggregation::max).
  NormTraits traits() const override {
    return {.degree = 1, .aggregation = Aggregation::max, .adaptive = true, .elementwise = true};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return "ada_inf"; }
};

}  // namespace

// Returns the catalog's entry of "ada_inf", Adam, which takes no arguments.
NormEntry ada_inf() {
  return {
      .name = "ada_inf",
      .summary = "max a|x|/|m|, a = sqrt(v) + eps: s = m / a, dual = sum m^2 / a (Adam)",
      .arguments = {},
      .examples = {"ada_inf"},
      .make = [](const Spec&, const Solvers&) -> NormPtr { return std::make_shared<AdaInf>(); }};
}

}  // namespace steepest::norms
