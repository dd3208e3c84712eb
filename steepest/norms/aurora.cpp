// SPDX-License-Identifier: Apache-2.0
// Aurora (arXiv 2606.27715, tilde-research/aurora-release): s = polar(D u) for a tall u, polar(u D)
// for a wide one, with the diagonal D that brings the lines along the longer side, rows of a tall
// matrix, to one length: they are its output neurons' share of the step. From D_i = 1 / |u_i|,
//   U = polar(D u),   D_i <- D_i |U_i|^-2 beta     passes - 1 times (2 and beta = .5: one time).
// A square matrix' polar factor has such lines already, and is taken as it is; passes=1 is MuonEq.
// A prepared spectral norm (prepared.h) whose A is made of u, at the price of `passes` polar
// factors.
#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/norms/prepared.h"

namespace steepest::norms {
namespace {

class Aurora : public Prepared {
 public:
  // Reads the arguments passes and beta beside form. Throws c10::ValueError where one is out of
  // range.
  Aurora(const Spec& spec, const Solvers& solvers)
      : Prepared(spec, solvers, /*of_state=*/false),
        passes_(integer_argument(spec, "passes", 2, 1)),
        beta_(argument(spec, "beta", 0.5, 0, 1)) {}

 protected:
  // Returns 1 / D, [B, r, 1] or [B, 1, c].
  at::Tensor divisor(const at::Tensor& x, const NormContext& context) const override {
    const int64_t rows = x.size(1), cols = x.size(2), dim = rows > cols ? 2 : 1;
    if (rows == cols) return at::ones({x.size(0), rows, 1}, x.options());
    auto w = line_lengths(x, dim);
    for (int64_t pass = 1; pass < passes_; ++pass)
      w = w * line_lengths(polar(applied(x, w, context)), dim).pow(2 * beta_);
    return w;
  }

 private:
  int64_t passes_;
  double beta_;
};

}  // namespace

// Returns the catalog's entry of "aurora", with the arguments form, passes and beta.
NormEntry aurora() {
  return {.name = "aurora",
          .summary = "polar factor whose lines along the longer side have one length (Aurora)",
          .arguments = {"form", "passes", "beta"},
          .examples = {"aurora", "aurora(passes=4,beta=0.3)", "aurora(form=metric)"},
          .make = [](const Spec& spec, const Solvers& solvers) -> NormPtr {
            return std::make_shared<Aurora>(spec, solvers);
          }};
}

}  // namespace steepest::norms
