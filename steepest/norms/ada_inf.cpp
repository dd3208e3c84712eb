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
  // s = m / a and dual = sum m^2 / a of each matrix of m [B, r, c], a = sqrt(v) + eps and v
  // the running mean of the gradients' squares.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto s = preconditioned(m, context).to(m.scalar_type());
    return {s, inner_product(m, s)};
  }
  // s = m / a alone, which saves the dual's pass over memory.
  Measured direction(const Batch& m, const NormContext& context) const override {
    return {preconditioned(m.matrices, context).to(m.matrices.scalar_type())};
  }
  // The norm depends on m itself, so that s grows with m (degree 1); where blocks are flattened
  // into one vector their duals add up.
  NormTraits traits() const override {
    return {.degree = 1, .aggregation = Aggregation::max, .adaptive = true, .elementwise = true};
  }
  // The norm's text in the grammar of make_norm(), which makes the same norm of it.
  std::string name() const override { return "ada_inf"; }
};

}  // namespace

// The catalog's entry of "ada_inf", Adam, which takes no arguments.
NormEntry ada_inf() {
  return {
      .name = "ada_inf",
      .summary = "max a|x|/|m|, a = sqrt(v) + eps: s = m / a, dual = sum m^2 / a (Adam)",
      .arguments = {},
      .examples = {"ada_inf"},
      .make = [](const Spec&, const Solvers&) -> NormPtr { return std::make_shared<AdaInf>(); }};
}

}  // namespace steepest::norms
