// SPDX-License-Identifier: Apache-2.0
// SOAP (arXiv 2409.11321, algorithm 3): ada_inf in the eigenbasis of Shampoo's factors,
//   L <- b L + (1 - b) G G^T,   R <- b R + (1 - b) G^T G,   L ~ Q_L D_L Q_L^T,  R ~ Q_R D_R Q_R^T,
//   V <- b V + (1 - b) (Q_L^T G Q_R)^2,   s = Q_L [Q_L^T M Q_R / (sqrt(V) + eps)] Q_R^T,
// with Adam's bias corrections and b = beta2. The basis of step t is made of the gradients before
// it; only the first step makes it of its own, where the authors' code makes the basis and takes no
// step. Every `refresh` steps one power iteration and a QR turn it: with its columns sorted by
// their Rayleigh quotients, and V with them. M is kept in both bases: in the eigenbasis it takes
// the turned gradient, and is turned itself only where Q is. With kl, the factors are those of
// KL-Shampoo, kl.h, and unsorted.
#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/kl.h"

namespace steepest::norms {
namespace {

class Soap : public Norm {
 public:
  // Reads the spec's arguments: those of Kronecker, and kl, whether the factors are KL-Shampoo's.
  explicit Soap(const Spec& spec)
      : name_(print_spec(spec)),
        kl_(word_argument(spec, "kl", {"false", "true"}) == "true"),
        kronecker_(spec, {"eigenvectors", kl_}) {}

  // Asks for the mean square v and the turned momentum, and for each side that has a factor, for it
  // and its eigenvectors.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    auto all = kronecker_.slots(rows, cols);
    all.insert(all.begin(), {Slot{"exp_avg_sq"}, Slot{"exp_avg_in_basis"}});
    return all;
  }

  // Takes a step's gradients g [B, r, c] into the slots, in place: turns the bases where that is
  // due, and advances v, the running mean of g^2 in the eigenbases, the momentum there, and the
  // factors. The bases come from g itself in the first step, later from the gradients before it.
  void observe(const at::Tensor& g, const at::Tensor&, const Average& average,
               const NormContext& context) const override {
    const auto sides = kronecker_.sides(g, context, kFirstSide);
    if (context.step == 1) {
      update_factors(sides, g, average);
      if (kl_) start_kl(sides, g);
      for (const auto& side : sides) side.basis.copy_(eigen(side.factor).vectors);
    } else if (const auto due = kronecker_.due(g, context); !due.none()) {
      turn_all(sides, due, context);
    }
    const auto rotated = to_basis(at_least_float32(g), sides);
    const auto& v = context.slots[0];
    const auto wide = rotated.to(v.scalar_type());
    v.mul_(average.keep).addcmul_(wide, wide, average.take);
    context.slots[1].mul_(context.momentum.keep).add_(wide, context.momentum.take);
    if (kl_) update_kl(sides, g, rotated, average, context.step > 1);
    if (!kl_ && context.step > 1) update_factors(sides, g, average);
  }

  // Returns the direction s = Q_L [Q_L^T m Q_R / (sqrt(v) + eps)] Q_R^T, with Adam's bias
  // correction, for the eigenbases Q_L and Q_R in the slots, and its dual <m, s>, of each matrix of
  // m [B, r, c].
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto sides = kronecker_.sides(m, context, kFirstSide);
    const auto v = at_least_float32(context.slots[0]);
    const auto rotated = context.is_momentum ? context.slots[1].to(v.scalar_type())
                                             : to_basis(m.to(v.scalar_type()), sides);
    auto metric = v.sqrt().add_(context.eps);
    const bool is_first = context.step == 1 && m.scalar_type() == at::kFloat;
    if (is_first || is_half(m.scalar_type())) metric = at::maximum(metric, rounding_of(m));
    auto s = rotated / metric;
    if (context.eps <= 0) s = at::where(rotated == 0, 0, s);  // else 0 / 0
    if (context.correction != 1) s.mul_(std::sqrt(context.correction));
    const auto direction = from_basis(s, sides).to(m.scalar_type());
    return {direction, inner_product(m, direction)};
  }

  // Says as ada_inf does, in another basis, that s grows with m (degree 1) and depends on the
  // gradients so far (adaptive), and that the duals of blocks that are taken as one vector add up
  // (Aggregation::max).
  NormTraits traits() const override {
    return {.degree = 1,
            .exact = false,
            .aggregation = Aggregation::max,
            .adaptive = true,
            .single_thread_max_elements = kOneThreadElements};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  static constexpr size_t kFirstSide = 2;  // the slots before are v and the turned momentum

  // Turns the bases of the matrices that are due, v and the momentum with them.
  void turn_all(const Sides& sides, const Due& due, const NormContext& context) const {
    const auto& momentum = context.slots[1];
    const auto m = from_basis(at_least_float32(due.of(momentum)), due.bases_of(sides));
    for (const auto& side : sides)
      kl_ ? void(turn(side, due, /*sorted=*/false)) : turn_with(context.slots[0], side, due);
    due.put(momentum, to_basis(m, due.bases_of(sides)));
  }

  // Returns how large errors of m's entries in the eigenbasis may be, [B, 1, 1] in float32. Along
  // eigenvectors in which no gradient has had a part they are all that m has, and v knows nothing
  // of them. So it is in float32 beside the diagonal in the first step, whose basis is that of the
  // gradient itself: there they come from the eigenvectors, whose factors are squares of g.
  static at::Tensor rounding_of(const at::Tensor& m) {
    const double relative = m.scalar_type() == at::kHalf ? 0x1p-10 : 0x1p-7;
    return at::linalg_vector_norm(m.to(at::kFloat), 2, {1, 2}, /*keepdim=*/true)
        .mul_(relative / std::sqrt(static_cast<double>(m.size(1) * m.size(2))));
  }

  std::string name_;
  bool kl_;
  Kronecker kronecker_;
};

}  // namespace

// Returns the catalog's entry of "soap", with the arguments of Kronecker, and kl.
NormEntry soap() {
  return {.name = "soap",
          .summary =
              "Adam in the eigenbasis of Shampoo's factors: s = Q_L [m' / (sqrt(v) + eps)] Q_R^T "
              "(SOAP)",
          .arguments = Kronecker::arguments({"kl"}),
          .examples = {"soap(refresh=2)", "soap(max_dim=5)", "soap(sides=short)",
                       "soap(kl=true,refresh=2)", "soap(vectors=true)"},
          .make = [](const Spec& spec, const Solvers&) -> NormPtr {
            return std::make_shared<Soap>(spec);
          }};
}

}  // namespace steepest::norms
