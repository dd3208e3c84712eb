// SPDX-License-Identifier: Apache-2.0
// (sum sigma_i^p)^(1/p) <= 1, with 1/p + 1/q = 1 (arXiv 2512.09678):
//   s = U diag(sigma^(q-1)) V^T / |sigma|_q^(q-1),   dual = |sigma|_q.
// p = 1 is nuclear, p = 2 Frobenius, p -> infinity spectral.
#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"

namespace steepest::norms {
namespace {

class Schatten : public Norm {
 public:
  // name: what name() gives. p > 1, whose dual exponent is q = p / (p - 1).
  Schatten(std::string name, double p) : name_(std::move(name)), q_(p / (p - 1)) {}

  // Returns the steepest direction s = U diag(sigma^(q-1)) V^T / |sigma|_q^(q-1) and its dual <m,
  // s> of each matrix of m [B, r, c], by a full SVD. The powers are those of sigma / sigma_1, which
  // are in range.
  Measured steepest(const at::Tensor& m, const NormContext&) const override {
    const int64_t k = std::max<int64_t>(1, std::min(m.size(1), m.size(2)));
    const auto t = top_triplets(m, k, {.method = "exact"});
    if (t.s.size(1) == 0) return {m.clone(), t.s.sum(1)};
    const auto x = safe_divide(t.s, t.s.amax(1, true));  // powers of numbers in [0, 1]
    const auto length = x.pow(q_).sum(1, true).pow((q_ - 1) / q_);
    const auto weights = at::where(x > 0, safe_divide(x.pow(q_ - 1), length), at::zeros_like(x));
    const auto u = t.u * weights.to(t.u.scalar_type()).unsqueeze(1);
    const auto s = at::bmm(u, t.vh).to(m.scalar_type());
    return {s, inner_product(m, s)};
  }
  // Says that this is an exact norm without state: the defaults.
  NormTraits traits() const override { return {}; }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  std::string name_;
  double q_;
};

}  // namespace

// Returns the catalog's entry of "schatten", whose argument p, from 1.01 to 1e6, is 4 unless given.
NormEntry schatten() {
  return {.name = "schatten",
          .summary = "(sum sigma^p)^(1/p), p > 1: s ~ U sigma^(q-1) V^T, dual = |sigma|_q",
          .arguments = {"p"},
          .examples = {"schatten(p=4)", "schatten(p=1.5)"},
          .make = [](const Spec& spec, const Solvers&) -> NormPtr {
            return std::make_shared<Schatten>(print_spec(spec), argument(spec, "p", 4, 1.01, 1e6));
          }};
}

}  // namespace steepest::norms
