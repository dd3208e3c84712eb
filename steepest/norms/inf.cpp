// SPDX-License-Identifier: Apache-2.0
// max |X_ij| <= 1:  s = sign(m), dual = sum |m_ij|.   signSGD, and Scion's backup.
#include <ATen/ATen.h>

#include "steepest/norms/catalog.h"
#include "steepest/norms/listed.h"

namespace steepest::norms {
namespace {

class Inf : public Norm, public ListedEntries {
 public:
  // Returns the steepest direction s = sign(m) and dual = sum |m_ij| of each matrix of m [B, r, c].
  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    return {m.sign(), m.abs().sum({1, 2}, false, at::kDouble)};
  }
  // Returns s = sign(m) alone, with the dual left undefined, which saves the dual's pass over
  // memory.
  Measured direction(const Batch& m, const NormContext&) const override {
    return {m.matrices.sign()};
  }
  // Says that lists are served where s itself is asked for.
  bool serves(bool sharp, double) const override { return !sharp; }
  // Returns the signs of each tensor of a list.
  Fractions directions_of_each(const TensorList& u, const ListedContext&,
                               Arena& arena) const override {
    if (!arena.is_kept()) return {at::_foreach_sign(u)};
    const auto signs = like_each(u, arena);
    at::_foreach_copy_(signs, u);
    at::_foreach_sign_(signs);
    return {signs};
  }
  // Says that several blocks that are taken as one vector have the maximum of their norms, so that
  // their duals add up (Aggregation::max); and that s is computed entry by entry (elementwise), so
  // that nothing is gained by taking several matrices at a time.
  NormTraits traits() const override {
    return {.aggregation = Aggregation::max, .elementwise = true};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return "inf"; }
};

}  // namespace

// Returns the catalog's entry of "inf", signSGD, which takes no arguments.
NormEntry inf() {
  return {.name = "inf",
          .summary = "max |X_ij|: s = sign(m), dual = sum |m_ij| (signSGD)",
          .arguments = {},
          .examples = {"inf"},
          .make = [](const Spec&, const Solvers&) -> NormPtr { return std::make_shared<Inf>(); }};
}

}  // namespace steepest::norms
