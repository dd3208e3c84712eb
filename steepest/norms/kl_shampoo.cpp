// SPDX-License-Identifier: Apache-2.0
// KL-Shampoo (arXiv 2509.03378): the quadratic norm |x|^2 = <x, S_L^1/2 x S_R^1/2> of the factors
// of kl.h, kept as eigenvectors and eigenvalues: x = S_L^-1/2 m S_R^-1/2, dual = sqrt<m, x>,
// s = x / dual. The paper's step is x = sharp(m). It needs no graft, as S_L x S_R is the gradients'
// second moment itself, to whose root the step is inverse. The bases are turned after the gradient
// has been taken, each by one power iteration and a QR; the authors' code takes its step before.
#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/kl.h"
#include "steepest/norms/second_moment.h"
#include "steepest/norms/symmetric.h"

namespace steepest::norms {
namespace {

class KlShampoo : public Norm {
 public:
  // Reads the spec's arguments, those of Kronecker.
  explicit KlShampoo(const Spec& spec)
      : name_(print_spec(spec)), kronecker_(spec, {"eigenvectors", true, 1}) {}

  // Asks for each side's factor, its eigenvectors and eigenvalues.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    return kronecker_.slots(rows, cols);
  }

  // Takes a step's gradients g [B, r, c] into the factors and eigenvalues, in place, and turns the
  // bases where that is due.
  void observe(const at::Tensor& g, const at::Tensor&, const Average& average,
               const NormContext& context) const override {
    const auto sides = kronecker_.sides(g, context, 0);
    const bool first = context.step == 1;
    if (first) {
      update_factors(sides, g, average);
      start_kl(sides, g);
      for (const auto& side : sides) side.basis.copy_(eigen(side.factor).vectors);
    }
    update_kl(sides, g, to_basis(at_least_float32(g), sides), average, !first);
    if (const auto due = kronecker_.due(g, context); !first && !due.none())
      for (const auto& side : sides) turn(side, due, /*sorted=*/false);
  }

  // Returns s and its dual of each matrix of m [B, r, c].
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    return measured_by(m, preconditioned(m, context));
  }
  // Returns dual times s of each matrix of m [B, r, c], without a pass for the dual.
  Sharp sharp(const at::Tensor& m, const NormContext& context) const override {
    return {preconditioned(m, context).to(m.scalar_type())};
  }

  // Says that the norm depends on the gradients so far.
  NormTraits traits() const override {
    return {.adaptive = true, .single_thread_max_elements = kOneThreadElements};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  // Returns S_L^-1/2 m S_R^-1/2 [B, r, c], in float32 at least.
  at::Tensor preconditioned(const at::Tensor& m, const NormContext& context) const {
    const auto sides = kronecker_.sides(m, context, 0);
    return from_basis(whitened(to_basis(at_least_float32(m), sides), sides), sides);
  }

  std::string name_;
  Kronecker kronecker_;
};

}  // namespace

// Returns the catalog's entry of "kl_shampoo", with the arguments of Kronecker.
NormEntry kl_shampoo() {
  return {.name = "kl_shampoo",
          .summary =
              "sqrt<x, S_L^1/2 x S_R^1/2>, S_L x S_R near the mean of g g^T in the KL sense: "
              "s = S_L^-1/2 m S_R^-1/2 / dual (KL-Shampoo)",
          .arguments = Kronecker::arguments({}),
          .examples = {"kl_shampoo(refresh=2)", "kl_shampoo(sides=right)"},
          .make = [](const Spec& spec, const Solvers&) -> NormPtr {
            return std::make_shared<KlShampoo>(spec);
          }};
}

}  // namespace steepest::norms
