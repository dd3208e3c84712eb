// SPDX-License-Identifier: Apache-2.0
// Shampoo (arXiv 1802.09568) as the quadratic norm |x|^2 = <x, L^p x R^p> of its factors L and R,
// means (or sums) of g g^T and g^T g: x = L^-p m R^-p, dual = sqrt<m, x>, s = x / dual. The paper's
// step L^-p m R^-p is sharp(m) = dual s, a regularized step, and divides by nothing. p is 1/4, 1/2
// where only one side has a factor, so that m's scale cancels. Of a single gradient's factors x is
// its polar factor. eps is relative to the largest eigenvalue: L + eps l I.
// With a graft, x gets the length of another method's step and is a constrained direction, whose
// dual is <m, s>: adam and rmsprop m / (sqrt(v) + eps) with and without bias correction, adagrad
// with v a sum, sgd m itself. accumulate=sum is what others call beta2 = 1: its rates have to
// decay.
#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/kronecker.h"
#include "steepest/norms/second_moment.h"
#include "steepest/norms/symmetric.h"

namespace steepest::norms {
namespace {

class Shampoo : public Norm {
 public:
  // Reads the spec's arguments: those of Kronecker; power, p; eps (1e-6); accumulate (ema, sum);
  // graft (none, sgd, adam, adagrad, rmsprop).
  explicit Shampoo(const Spec& spec)
      : name_(print_spec(spec)),
        power_(argument(spec, "power", 0, 0, 1)),
        eps_(argument(spec, "eps", 1e-6, 0, 1)),
        sums_(word_argument(spec, "accumulate", {"ema", "sum"}) == "sum"),
        graft_(word_argument(spec, "graft", {"none", "sgd", "adam", "adagrad", "rmsprop"})),
        kronecker_(spec, {.basis = "inverse_power", .smallest = 1}) {}

  // Asks for the graft's v, where it has one, and for each side's factor and its inverse power.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    auto all = kronecker_.slots(rows, cols);
    if (graft_keeps_squares()) all.insert(all.begin(), Slot{"exp_avg_sq"});
    return all;
  }

  // Takes a step's gradients g [B, r, c] into the factors and v, in place, and computes the powers
  // of the factors of those matrices that are due.
  void observe(const at::Tensor& g, const at::Tensor&, const Average& average,
               const NormContext& context) const override {
    if (graft_keeps_squares()) {
      const double take = graft_ == "adagrad" ? 1 : average.take;
      context.slots[0].mul_(graft_ == "adagrad" ? 1 : average.keep).addcmul_(g, g, take);
    }
    const auto sides = kronecker_.sides(g, context, first_side());
    update_factors(sides, g, sums_ ? Average{1, 1} : average);
    const auto due = kronecker_.due(g, context);
    if (due.none()) return;
    const double power = power_ > 0 ? power_ : 0.5 / std::max<double>(1, sides.size());
    for (const auto& side : sides) {
      const auto root = inverse_power(due.of(side.factor), power, eps_);
      due.put(side.basis, sums_ ? root : root * std::pow(context.correction, power));
    }
  }

  // Returns s and its dual of each matrix of m [B, r, c].
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto x = preconditioned(m, context);
    if (graft_ == "none") return measured_by(m, x);
    const auto s = (x * per_matrix(ratio(m, x, context), x)).to(m.scalar_type());
    return {s, inner_product(m, s)};
  }
  // Returns dual times s of each matrix of m [B, r, c]: L^-p m R^-p, without a pass for the dual.
  Sharp sharp(const at::Tensor& m, const NormContext& context) const override {
    if (graft_ != "none") return Norm::sharp(m, context);
    return {preconditioned(m, context).to(m.scalar_type())};
  }

  // Says that the norm depends on the gradients so far (adaptive), and that a grafted s grows with
  // m (degree 1), as the other method's step does.
  NormTraits traits() const override {
    return {.degree = graft_ == "none" ? 0 : 1,
            .aggregation = graft_ == "none" ? Aggregation::l2 : Aggregation::max,
            .adaptive = true,
            .single_thread_max_elements = kOneThreadElements};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  bool graft_keeps_squares() const { return graft_ != "none" && graft_ != "sgd"; }
  size_t first_side() const { return graft_keeps_squares() ? 1 : 0; }

  // Returns L^-p m R^-p [B, r, c], in float32 at least.
  at::Tensor preconditioned(const at::Tensor& m, const NormContext& context) const {
    return to_basis(at_least_float32(m), kronecker_.sides(m, context, first_side()));
  }

  // Returns |the graft's step of m| / |x| [B] in float64, 0 where x is 0, of m and x [B, r, c].
  at::Tensor ratio(const at::Tensor& m, const at::Tensor& x, const NormContext& context) const {
    auto step = at_least_float32(m);
    if (graft_keeps_squares()) {
      const double correction = graft_ == "adam" ? context.correction : 1;
      const auto metric = at_least_float32(context.slots[0]).sqrt().div_(std::sqrt(correction));
      step = safe_divide(step, metric.add_(context.eps));
    }
    return safe_divide(frobenius_norm(step), frobenius_norm(x));
  }

  std::string name_;
  double power_, eps_;
  bool sums_;
  std::string graft_;
  Kronecker kronecker_;
};

}  // namespace

// Returns the catalog's entry of "shampoo", with the arguments that its class reads.
NormEntry shampoo() {
  return {
      .name = "shampoo",
      .summary = "sqrt<x, L^p x R^p>, L, R means of g g^T, g^T g: s = L^-p m R^-p / dual (Shampoo)",
      .arguments = Kronecker::arguments({"power", "eps", "accumulate", "graft"}),
      .examples = {"shampoo(refresh=2)", "shampoo(power=0.5,sides=short)",
                   "shampoo(accumulate=sum,graft=adagrad)", "shampoo(graft=adam)",
                   "shampoo(graft=sgd,sides=left)", "shampoo(graft=rmsprop,max_dim=5)"},
      .make = [](const Spec& spec, const Solvers&) -> NormPtr {
        return std::make_shared<Shampoo>(spec);
      }};
}

}  // namespace steepest::norms
