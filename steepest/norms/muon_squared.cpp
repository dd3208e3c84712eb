// SPDX-License-Identifier: Apache-2.0
// Muon^2 (arXiv 2604.09967, algorithm 1): s = polar(u / (sqrt(V) + eps)), V = mean of g^2 so far.
// A prepared spectral norm (prepared.h) whose A is made of state. V's bias is not corrected: but
// for eps it is a factor, which the polar factor does not see.
#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/norms/prepared.h"

namespace steepest::norms {
namespace {

class MuonSquared : public Prepared {
 public:
  // Reads the argument form.
  MuonSquared(const Spec& spec, const Solvers& solvers)
      : Prepared(spec, solvers, /*of_state=*/true) {}

  // Asks for one slot of the matrix' own shape: V, which begins with zeros.
  std::vector<Slot> slots(int64_t, int64_t) const override { return {{"exp_avg_sq"}}; }
  // Takes a step's gradients g [B, r, c] into V, in place.
  void observe(const at::Tensor& g, const at::Tensor&, const Average& average,
               const NormContext& context) const override {
    context.slots[0].mul_(average.keep).addcmul_(g, g, average.take);
  }

 protected:
  // Returns sqrt(V) + eps, in float32 at least.
  at::Tensor divisor(const at::Tensor& x, const NormContext& context) const override {
    return at_least_float32(context.slots[0]).sqrt().add_(context.eps).to(x.scalar_type());
  }
};

}  // namespace

// Returns the catalog's entry of "muon_squared", with the argument form.
NormEntry muon_squared() {
  return {.name = "muon_squared",
          .summary = "polar factor of m / (sqrt(v) + eps) (Muon^2)",
          .arguments = {"form"},
          .examples = {"muon_squared", "muon_squared(form=metric)"},
          .make = [](const Spec& spec, const Solvers& solvers) -> NormPtr {
            return std::make_shared<MuonSquared>(spec, solvers);
          }};
}

}  // namespace steepest::norms
