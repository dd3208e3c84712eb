// SPDX-License-Identifier: Apache-2.0
// The direction of AdaMuon (arXiv 2507.11005) before its rescale: s = polar(sign(u)). The sign
// makes the polar factor blind to the size of single entries. A prepared spectral norm (prepared.h)
// whose A, the division by |u|, is made of u: its metric form moves an entry the further, the
// smaller it is.
#include <ATen/ATen.h>

#include "steepest/norms/prepared.h"

namespace steepest::norms {
namespace {

class SpectralSign : public Prepared {
 public:
  // Reads the argument form.
  SpectralSign(const Spec& spec, const Solvers& solvers)
      : Prepared(spec, solvers, /*of_state=*/false) {}

 protected:
  // Returns |x|: x / |x| is exactly the sign.
  at::Tensor divisor(const at::Tensor& x, const NormContext&) const override { return x.abs(); }
};

}  // namespace

// Returns the catalog's entry of "spectral_sign", with the argument form.
NormEntry spectral_sign() {
  return {.name = "spectral_sign",
          .summary = "polar factor of sign(m) (AdaMuon)",
          .arguments = {"form"},
          .examples = {"spectral_sign", "spectral_sign(form=metric)"},
          .make = [](const Spec& spec, const Solvers& solvers) -> NormPtr {
            return std::make_shared<SpectralSign>(spec, solvers);
          }};
}

}  // namespace steepest::norms
