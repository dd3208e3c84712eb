// SPDX-License-Identifier: Apache-2.0
// SOAP-Muon (modded-nanogpt, track 3, record 44): the polar factor of u as SOAP would scale it,
//   s = polar(Q_L [Q_L^T u Q_R / sqrt(V)] Q_R^T),   V = mean of (Q_L^T u Q_R)^2 so far,
// with V of the momentum u, where SOAP's is of the gradient, and no V below eps^2. Bases and V of
// step t are made of the gradients before it and turned at every step (refresh=1): of the first
// step nothing is known, and s is Muon's; the second takes eigenvectors, later ones a power
// iteration and a QR. A prepared spectral norm (prepared.h) whose A is made of state.
#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/norms/kronecker.h"
#include "steepest/norms/prepared.h"
#include "steepest/norms/symmetric.h"

namespace steepest::norms {
namespace {

// Returns the spec with refresh=1 where it says nothing of it.
Spec every_step(Spec spec) {
  spec.args.emplace("refresh", "1");
  return spec;
}

class SoapMuon : public Prepared {
 public:
  // Reads the argument form, and those of Kronecker.
  SoapMuon(const Spec& spec, const Solvers& solvers)
      : Prepared(spec, solvers, /*of_state=*/true),
        kronecker_(every_step(spec), {"eigenvectors"}) {}

  // Asks for V, and for each side that has a factor, for it and its eigenvectors.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    auto all = kronecker_.slots(rows, cols);
    all.insert(all.begin(), Slot{"exp_avg_sq"});
    return all;
  }
  // Takes u [B, r, c] into V, in the bases of the gradients before g, and g into the factors, all
  // in place.
  void observe(const at::Tensor& g, const at::Tensor& u, const Average& average,
               const NormContext& context) const override {
    const auto sides = kronecker_.sides(g, context, 1);
    const auto& v = context.slots[0];
    if (context.step == 2) {
      for (const auto& side : sides) side.basis.copy_(eigen(side.factor).vectors);
    } else if (const auto due = kronecker_.due(g, context); context.step > 2 && !due.none()) {
      for (const auto& side : sides) turn_with(v, side, due);
    }
    if (context.step > 1) {
      const auto rotated = norms::to_basis(at_least_float32(u), sides).to(v.scalar_type());
      v.mul_(average.keep).addcmul_(rotated, rotated, average.take);
    }
    update_factors(sides, g, average);
  }
  // Says beside Prepared up to which size one thread computes a matrix.
  NormTraits traits() const override {
    auto traits = Prepared::traits();
    traits.single_thread_max_elements = kOneThreadElements;
    return traits;
  }

 protected:
  // Returns sqrt(V), at least eps.
  at::Tensor divisor(const at::Tensor& x, const NormContext& context) const override {
    return at_least_float32(context.slots[0]).sqrt().clamp_min_(context.eps).to(x.scalar_type());
  }
  at::Tensor to_basis(const at::Tensor& x, const NormContext& context) const override {
    return norms::to_basis(x, kronecker_.sides(x, context, 1));
  }
  at::Tensor from_basis(const at::Tensor& x, const NormContext& context) const override {
    return norms::from_basis(x, kronecker_.sides(x, context, 1));
  }

 private:
  Kronecker kronecker_;
};

}  // namespace

// Returns the catalog's entry of "soap_muon", with the argument form and those of Kronecker.
NormEntry soap_muon() {
  return {.name = "soap_muon",
          .summary = "polar factor of m over its root mean square in SOAP's basis (SOAP-Muon)",
          .arguments = Kronecker::arguments({"form"}),
          .examples = {"soap_muon", "soap_muon(form=metric)", "soap_muon(refresh=2,sides=short)"},
          .make = [](const Spec& spec, const Solvers& solvers) -> NormPtr {
            return std::make_shared<SoapMuon>(spec, solvers);
          }};
}

}  // namespace steepest::norms
