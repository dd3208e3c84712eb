// SPDX-License-Identifier: Apache-2.0
// COSMOS (arXiv 2502.17410): Adam in the k leading right directions U [c, k] of the gradients, the
// polar factor on what they leave of the momentum. With T = U^T U', and then U, S, V for U', S',
// V':
//   U' = qr(b U S + (1 - b) G^T G U),   S' = b T^T S T + (1 - b) (G U')^T G U',
//   V' = b V + (1 - b) (G U')^2,   A = [m U / (sqrt(V) + eps)] U^T,   B = polar(m - m U U^T),
//   X = A + gamma sqrt(r c) B / |B|_F,   s = sqrt(r c) X / |X|_F.
// The first U are the leading directions of the first G. The root mean square of s is 1, so that
// the authors' lr_ratio (.1) is the radius. Unlike there, k is at most min(r, c), where U is
// unique, and no eps is added to a norm. s sees the scale of m beside V's, so it is asked for the
// bias-corrected m. A remainder m - m U U^T that is no more than rounding counts as 0, and what B
// has along U, where the remainder has nothing, is taken out again.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/symmetric.h"

namespace steepest::norms {
namespace {

class Cosmos : public Norm {
 public:
  // Reads the spec's arguments: rank, the most directions that Adam takes, 64 unless given, and
  // gamma, the weight of the polar factor, .2 unless given.
  Cosmos(const Spec& spec, const Solvers& solvers)
      : name_(print_spec(spec)),
        rank_(integer_argument(spec, "rank", 64, 1)),
        gamma_(argument(spec, "gamma", 0.2, 0, 1e9)),
        svd_(solvers.svd),
        spectral_(make_norm("spectral", solvers)) {}

  // Asks for slots for U, S and V.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    const int64_t k = std::min({rank_, rows, cols});
    return {{"right_eigenvectors", Slot::Shape::basis, k},
            {"right_factor", Slot::Shape::square, k},
            {"exp_avg_sq", Slot::Shape::left_basis, k}};
  }

  // Turns U, S and V, in place, by a step's gradients g [B, r, c].
  void observe(const at::Tensor& g, const at::Tensor&, const Average& average,
               const NormContext& context) const override {
    if (g.numel() == 0) return;
    const auto& basis = context.slots[0];
    const auto& factor = context.slots[1];
    const auto old = basis.to(g.scalar_type()), values = factor.to(g.scalar_type());
    at::Tensor next;
    if (context.step == 1) {
      next = top_triplets(g, basis.size(2), svd_).vh.mT().to(g.scalar_type());
    } else {
      const auto image = product(g.mT(), product(g, old)) * average.take;
      next = orthonormal(image.add_(product(old, values), average.keep));
    }
    const auto turn = product(old.mT(), next), projected = product(g, next);
    const auto turned = product(turn.mT(), product(values, turn)) * average.keep;
    factor.copy_(turned.add_(product(projected.mT(), projected), average.take));
    context.slots[2].mul_(average.keep).addcmul_(projected, projected, average.take);
    basis.copy_(next);
  }

  // Returns the direction s [B, r, c], of root mean square 1, and its dual <m, s>.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto v = at_least_float32(context.slots[2]);
    const auto basis = context.slots[0].to(v.scalar_type());
    const auto x = m.to(v.scalar_type()) / context.rho;
    const auto projected = product(x, basis);
    const auto metric = v.sqrt().div_(std::sqrt(context.correction)).add_(context.eps);
    const auto scaled = at::where(projected == 0, 0, projected / metric);
    const auto outside = [&](const at::Tensor& t) {
      return t - product(product(t, basis), basis.mT());
    };
    const double root = std::sqrt(static_cast<double>(m.size(1) * m.size(2)));
    const auto polar = outside(polar_of(outside(x), x));
    const auto sum =
        product(scaled, basis.mT()) + divided(polar, frobenius_norm(polar)) * (gamma_ * root);
    const auto s = (divided(sum, frobenius_norm(sum)) * root).to(m.scalar_type());
    return {s, inner_product(m, s)};
  }

  // Says that s is no argmax and depends on the gradients so far.
  NormTraits traits() const override {
    return {.exact = false, .adaptive = true, .single_thread_max_elements = kOneThreadElements};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  // Returns the polar factors of rest [B, r, c], 0 where it is but the rounding of x [B, r, c], of
  // which it is a part: that of float32, as such a state may have been loaded. Of what has no rest
  // they may have anything.
  at::Tensor polar_of(const at::Tensor& rest, const at::Tensor& x) const {
    const double digits = std::numeric_limits<float>::epsilon() * static_cast<double>(x.size(2));
    const auto none = (frobenius_norm(rest) <= frobenius_norm(x) * digits).view({-1, 1, 1});
    return spectral_->direction({at::where(none, 0, rest)}, {}).direction;
  }

  std::string name_;
  int64_t rank_;
  double gamma_;
  SvdOptions svd_;
  NormPtr spectral_;
};

}  // namespace

// Returns the catalog's entry of "cosmos", with the arguments rank and gamma.
NormEntry cosmos() {
  return {.name = "cosmos",
          .summary =
              "Adam in the leading right directions of the gradients, the polar factor on the "
              "rest (COSMOS)",
          .arguments = {"rank", "gamma"},
          .examples = {"cosmos(rank=2)", "cosmos"},
          .make = [](const Spec& spec, const Solvers& solvers) -> NormPtr {
            return std::make_shared<Cosmos>(spec, solvers);
          }};
}

}  // namespace steepest::norms
