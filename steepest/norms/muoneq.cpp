// SPDX-License-Identifier: Apache-2.0
// MuonEq (arXiv 2603.28254): s = polar(D_r u D_c), where D_r divides the rows of u by their lengths
// and D_c the columns, both of u itself: sides=rows, the authors' default, columns or both.
// A prepared spectral norm (prepared.h) whose A is made of u. Left out: their 1e-8 below the root,
// so that s does not see the gradients' scale, and their `phase`, the step from which "both"
// becomes "rows".
#include <ATen/ATen.h>

#include "steepest/norms/prepared.h"

namespace steepest::norms {
namespace {

class MuonEq : public Prepared {
 public:
  // Reads the argument sides beside form. Throws c10::ValueError where one is another word.
  MuonEq(const Spec& spec, const Solvers& solvers)
      : Prepared(spec, solvers, /*of_state=*/false),
        spec_(spec),
        sides_(word_argument(spec, "sides", {"rows", "columns", "both"})) {}

  // Says beside Prepared that for m^T rows and columns change places.
  NormTraits traits() const override {
    auto traits = Prepared::traits();
    auto partner = spec_;
    if (sides_ != "both") partner.args["sides"] = sides_ == "rows" ? "columns" : "rows";
    traits.transpose = print_spec(partner);
    return traits;
  }

 protected:
  // Returns the product of the lengths of each entry's row and column, as far as they are sides.
  at::Tensor divisor(const at::Tensor& x, const NormContext&) const override {
    if (sides_ == "rows") return line_lengths(x, 2);
    if (sides_ == "columns") return line_lengths(x, 1);
    return line_lengths(x, 2) * line_lengths(x, 1);
  }

 private:
  Spec spec_;
  std::string sides_;
};

}  // namespace

// Returns the catalog's entry of "muoneq", with the arguments form and sides.
NormEntry muoneq() {
  return {.name = "muoneq",
          .summary = "polar factor of m with rows, columns or both at length 1 (MuonEq)",
          .arguments = {"form", "sides"},
          .examples = {"muoneq", "muoneq(sides=columns)", "muoneq(sides=both)",
                       "muoneq(form=metric)", "muoneq(form=metric,sides=both)"},
          .make = [](const Spec& spec, const Solvers& solvers) -> NormPtr {
            return std::make_shared<MuonEq>(spec, solvers);
          }};
}

}  // namespace steepest::norms
