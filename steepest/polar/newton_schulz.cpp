// SPDX-License-Identifier: Apache-2.0
// X <- a X + b (X X^T) X + c (X X^T)^2 X from X = G / (safety * |G|_F): each singular value s goes
// to a s + b s^3 + c s^5, the singular vectors stay ("Muon", K. Jordan 2024; Bjorck & Bowie 1971).
// A step has three products, or two where c = 0. With "jordan" in bfloat16 on the CPU the result
// is, bit for bit, that of torch.optim.Muon's _zeropower_via_newtonschulz for inputs of norm >=
// 1e-7, its eps.

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/Exception.h>

#include "steepest/base/dtype.h"
#include "steepest/kernels/kernels.h"
#include "steepest/polar/normalize.h"
#include "steepest/polar/products.h"
#include "steepest/polar/solvers.h"

namespace steepest::polar {
namespace {

// Returns one step, a X + b (X X^T) X + c (X X^T)^2 X, of x [B, r, c] with r <= c, as a new tensor
// in x's dtype.
at::Tensor newton_schulz_step(const at::Tensor& x, const PolynomialCoefficients& p) {
  const at::Tensor gram = product(x, x.mT());
  if (p.c == 0) return product_plus(x, gram, x, p.a, p.b);
  if (at_least_float32(x.scalar_type()) == x.scalar_type()) {
    // a X + Z X is computed as (a I + Z) X, as baddbmm would copy X first. Half precision would
    // round a I + Z; and there torch has the other form, whose bits are wanted.
    const at::Tensor z = at::baddbmm(gram, gram, gram, p.b, p.c);
    z.diagonal(0, 1, 2).add_(p.a);
    return at::bmm(z, x);
  }
  const at::Tensor update = product_plus(gram, gram, gram, p.b, p.c);
  return product_plus(x, update, x, p.a, 1);
}

class NewtonSchulz final : public PolarSolver {
 public:
  // Takes the options' steps and dtype; unset ones follow from the schedule.
  NewtonSchulz(Schedule schedule, const PolarOptions& options)
      : schedule_(std::move(schedule)),
        steps_(options.steps.value_or(schedule_.steps)),
        dtype_(options.dtype),
        iteration_{schedule_.first(steps_), schedule_.safety} {}

  // Returns the polar factors of the batch [B, r, c] in its dtype, computed in the options' dtype.
  // Where that is unset, in the input's, or in float32 at least for a schedule that does not bear
  // half precision. In float32 the device's kernel does all steps, where it has one.
  at::Tensor polar(const Batch& batch) const override {
    const at::Tensor& g = batch.matrices;
    check_batch(g);
    if (g.numel() == 0) return at::empty_like(g, at::MemoryFormat::Contiguous);
    const at::ScalarType own =
        schedule_.half_width ? g.scalar_type() : at_least_float32(g.scalar_type());
    const at::ScalarType dtype = dtype_.value_or(own);
    if (dtype == at::kFloat) {
      const auto y = try_kernel(kernels_of(g).iterate, g, iteration_, batch.owned);
      if (y.defined()) return y;
    }
    at::Tensor x = normalized_start(g, dtype, schedule_.safety);
    for (int64_t k = 0; k < steps_; ++k) x = newton_schulz_step(x, schedule_.at(k));
    return to_layout_of(g, x);
  }

  // Returns max |1 - sigma'| over the singular values sigma in [l, 1], which become sigma', in
  // exact arithmetic.
  double bound(double l) const override { return schedule_.error(l, steps_); }

  // Returns what runs, for a person to read: "jordan(steps=5, dtype=float32)".
  std::string describe() const override {
    return c10::str(schedule_.name, "(steps=", steps_,
                    ", dtype=", described(dtype_, schedule_.half_width), ")");
  }

 private:
  Schedule schedule_;
  int64_t steps_;
  std::optional<at::ScalarType> dtype_;
  PolynomialIteration iteration_;
};

}  // namespace

// Makes the solver that runs the schedule's iteration X <- a X + b (X X^T) X + c (X X^T)^2 X, with
// the options' steps and dtype.
std::unique_ptr<PolarSolver> newton_schulz_solver(Schedule schedule, const PolarOptions& options) {
  return std::make_unique<NewtonSchulz>(std::move(schedule), options);
}

}  // namespace steepest::polar
