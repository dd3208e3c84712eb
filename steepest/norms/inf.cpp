// SPDX-License-Identifier: Apache-2.0
// max |X_ij| <= 1:  s = sign(m), dual = sum |m_ij|.   signSGD, and Scion's backup.
#include <ATen/ATen.h>

#include "steepest/norms/catalog.h"

namespace steepest::norms {
namespace {

class Inf : public Norm {
 public:
  // s = sign(m) and dual = sum |m_ij| of each matrix of m [B, r, c].
  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    return {m.sign(), m.abs().sum({1, 2}, false, at::kDouble)};
  }
  // s = sign(m) alone, which saves the dual's pass over memory.
  Measured direction(const Batch& m, const NormContext&) const override {
    return {m.matrices.sign()};
  }
  // Blocks that are flattened into one vector share one maximum, so that their duals add up.
  NormTraits traits() const override {
    return {.aggregation = Aggregation::max, .elementwise = true};
  }
  // The norm's text in the grammar of make_norm(), which makes the same norm of it.
  std::string name() const override { return "inf"; }
};

}  // namespace

// The catalog's entry of "inf", signSGD, which takes no arguments.
NormEntry inf() {
  return {.name = "inf",
          .summary = "max |X_ij|: s = sign(m), dual = sum |m_ij| (signSGD)",
          .arguments = {},
          .examples = {"inf"},
          .make = [](const Spec&, const Solvers&) -> NormPtr { return std::make_shared<Inf>(); }};
}

}  // namespace steepest::norms
