// SPDX-License-Identifier: Apache-2.0
// |sqrt(a) x|_2 <= 1 with a = sqrt(v) + eps:  dual = sqrt(sum m^2 / a),  s = (m / a) / dual, and
// sharp = m / a: Adam's direction again, as the regularized step ("Non-Euclidean Gradient Descent",
// arXiv 2510.09827, |.|_ada-2; its slides print sqrt(sqrt(v) + eps) in the update, which
// contradicts the norm).
#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/second_moment.h"

namespace steepest::norms {
namespace {

class Ada2 : public Adaptive {
 public:
  // Returns the steepest direction s = (m / a) / dual and dual = sqrt(sum m^2 / a) of each matrix
  // of m [B, r, c], where a = sqrt(v) + eps and v is the running mean of the gradients' squares,
  // which the context holds.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    return measured_by(m, preconditioned(m, context));
  }
  // Returns dual times s, by which a regularized step moves, of each matrix of m [B, r, c]: m / a,
  // Adam's direction, without a pass for the dual.
  Sharp sharp(const at::Tensor& m, const NormContext& context) const override {
    return {preconditioned(m, context).to(m.scalar_type())};
  }
  // Says that lists are served where the sharp direction, m / a, is asked for, and eps keeps 0 / 0
  // away.
  bool serves(bool sharp, double eps) const override { return sharp && eps > 0; }
  // Says that the norm depends on v, the mean square of the gradients so far (adaptive), and that s
  // is computed entry by entry but for the dual (elementwise), so that nothing is gained by taking
  // several matrices at a time.
  NormTraits traits() const override { return {.adaptive = true, .elementwise = true}; }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return "ada_2"; }
};

}  // namespace

// Returns the catalog's entry of "ada_2", which takes no arguments.
NormEntry ada_2() {
  return {
      .name = "ada_2",
      .summary = "|sqrt(a) x|_2, a = sqrt(v) + eps: s = (m / a) / dual, dual = sqrt(sum m^2 / a)",
      .arguments = {},
      .examples = {"ada_2"},
      .make = [](const Spec&, const Solvers&) -> NormPtr { return std::make_shared<Ada2>(); }};
}

}  // namespace steepest::norms
