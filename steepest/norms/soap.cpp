// SPDX-License-Identifier: Apache-2.0
// SOAP (arXiv 2409.11321, algorithm 3): ada_inf in the eigenbasis of Shampoo's factors,
//   L <- b L + (1 - b) G G^T,   R <- b R + (1 - b) G^T G,   L ~ Q_L D_L Q_L^T,  R ~ Q_R D_R Q_R^T,
//   V <- b V + (1 - b) (Q_L^T G Q_R)^2,   s = Q_L [Q_L^T M Q_R / (sqrt(V) + eps)] Q_R^T,
// with Adam's bias corrections and b = beta2. The basis of step t is made of the gradients before
// it; only the first step makes it of its own, where the authors' code makes the basis and takes no
// step. Every `refresh` steps one power iteration and a QR turn it: with its columns sorted by
// their Rayleigh quotients, and V with them. A side longer than max_dim keeps the identity, as
// vectors do. M stays in the original basis, which is the same and lets Q turn under it.
#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"

namespace steepest::norms {
namespace {

// Returns the eigenvectors, as columns [B, n, n], of the symmetric matrices factor [B, n, n], the
// largest eigenvalue first. LAPACK may not return from a matrix with a NaN or an infinity: such a
// one gets the eigenvectors of a zero matrix.
at::Tensor eigenvectors(const at::Tensor& factor) {
  const auto finite = at::isfinite(factor).all(2).all(1).view({-1, 1, 1});
  const auto solvable = at::where(finite, factor, 0).to(at::kDouble);
  return std::get<1>(at::linalg_eigh(solvable)).flip(2).to(factor.scalar_type());
}

class Soap : public Norm {
 public:
  // Reads the spec's arguments: refresh, the number of steps after which the bases are turned
  // again, 10 unless given, and max_dim, the largest number of rows or columns that get a basis,
  // 10,000 unless given.
  explicit Soap(const Spec& spec)
      : name_(print_spec(spec)),
        refresh_(integer_argument(spec, "refresh", 10, 1)),
        max_dim_(integer_argument(spec, "max_dim", 10000, 0)) {}

  // Asks for slots for the mean square v and, for the rows (left) and the columns (right) where
  // they have an eigenbasis, for Shampoo's factor and its eigenvectors: sides_of() reads them in
  // this order.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    std::vector<Slot> all = {{"exp_avg_sq"}};
    const auto add = [&](const std::string& side, Slot::Shape shape) {
      all.push_back({side + "_factor", shape});
      all.push_back({side + "_eigenvectors", shape, 0, Slot::Start::identity});
    };
    if (has_basis(rows, cols)) add("left", Slot::Shape::left);
    if (has_basis(cols, rows)) add("right", Slot::Shape::right);
    return all;
  }

  // Takes a step's gradients g [B, r, c] into the slots, in place: turns the bases where that is
  // due, and advances v, the running mean of g^2 in the eigenbases, and Shampoo's factors. The
  // bases come from g itself in the first step, later from the gradients before it.
  void observe(const at::Tensor& g, const at::Tensor&, const Average& average,
               const NormContext& context) const override {
    const auto sides = sides_of(g, context);
    if (context.step > 1 && (context.step - 1) % refresh_ == 0) {
      for (const auto& side : sides) refresh_basis(side, context.slots[0]);
    }
    if (context.step == 1) {
      update_factors(sides, g, average);
      for (const auto& side : sides) side.basis.copy_(eigenvectors(side.factor));
    }
    const auto& v = context.slots[0];
    const auto rotated = to_basis(at_least_float32(g), sides).to(v.scalar_type());
    v.mul_(average.keep).addcmul_(rotated, rotated, average.take);
    if (context.step > 1) update_factors(sides, g, average);
  }

  // Returns the direction s = Q_L [Q_L^T m Q_R / (sqrt(v) + eps)] Q_R^T, with Adam's bias
  // correction, for the eigenbases Q_L and Q_R in the slots, and its dual <m, s>, of each matrix of
  // m [B, r, c].
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto sides = sides_of(m, context);
    const auto v = at_least_float32(context.slots[0]);
    const auto metric = v.sqrt().add_(context.eps);
    const auto rotated = to_basis(m.to(v.scalar_type()), sides);
    auto s = at::where(rotated == 0, 0, rotated / metric);
    if (context.correction != 1) s = s * std::sqrt(context.correction);
    const auto direction = from_basis(s, sides).to(m.scalar_type());
    return {direction, inner_product(m, direction)};
  }

  // Says as ada_inf does, in another basis, that s grows with m (degree 1) and depends on the
  // gradients so far (adaptive), and that the duals of blocks that are taken as one vector add up
  // (Aggregation::max).
  NormTraits traits() const override {
    // LAPACK rounds differently on another number of threads: up to this size one thread computes a
    // matrix alone.
    constexpr int64_t kOneThread = int64_t{1} << 16;
    return {.degree = 1,
            .exact = false,
            .aggregation = Aggregation::max,
            .adaptive = true,
            .single_thread_max_elements = kOneThread};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  struct Side {
    bool left;
    at::Tensor factor, basis;  // [B, n, n]
  };

  // Whether the rows or the columns of a matrix, `size` of them, have an eigenbasis of their own,
  // where there are `other` columns or rows; else their basis is the identity.
  bool has_basis(int64_t size, int64_t other) const {
    return size > 1 && other > 1 && size <= max_dim_;
  }

  // Returns, for the rows (left) and then the columns of m [B, r, c], where they have a basis, the
  // factor and the basis in the context's slots, which lie behind v's in the order of slots().
  std::vector<Side> sides_of(const at::Tensor& m, const NormContext& context) const {
    std::vector<Side> sides;
    size_t at = 1;
    for (const bool left : {true, false}) {
      const int64_t size = m.size(left ? 1 : 2), other = m.size(left ? 2 : 1);
      if (!has_basis(size, other)) continue;
      sides.push_back({left, context.slots[at], context.slots[at + 1]});
      at += 2;
    }
    return sides;
  }

  // Advances Shampoo's factors F in place by the gradients g [B, r, c]: F <- keep F + take g g^T
  // for the rows (left), with g^T g for the columns.
  static void update_factors(const std::vector<Side>& sides, const at::Tensor& g,
                             const Average& average) {
    for (const auto& side : sides) {
      const auto product = side.left ? at::bmm(g, g.mT()) : at::bmm(g.mT(), g);
      side.factor.mul_(average.keep).add_(product.to(side.factor.scalar_type()), average.take);
    }
  }

  // Turns a basis towards the eigenvectors of its factor F, in place, by one power iteration and a
  // QR of its columns q, sorted by q^T F q. The rows or columns of v [B, r, c], which is kept in
  // that basis, are sorted with them, in place.
  static void refresh_basis(const Side& side, const at::Tensor& v) {
    const auto basis = at_least_float32(side.basis);
    const auto image = at::bmm(side.factor.to(basis.scalar_type()), basis);
    const auto order = at::argsort((basis * image).sum(1), /*stable=*/true, -1, true);
    const auto columns = order.unsqueeze(1).expand_as(image);
    side.basis.copy_(std::get<0>(at::linalg_qr(image.gather(2, columns))));
    v.copy_(side.left ? v.gather(1, order.unsqueeze(2).expand_as(v))
                      : v.gather(2, order.unsqueeze(1).expand_as(v)));
  }

  // Returns m [B, r, c] in the eigenbases, Q_L^T m Q_R; rows or columns without a basis stay as
  // they are. A loaded state may have another dtype in each slot: m's, which is at least float32,
  // decides.
  static at::Tensor to_basis(at::Tensor m, const std::vector<Side>& sides) {
    for (const auto& side : sides) {
      const auto basis = side.basis.to(m.scalar_type());
      m = side.left ? at::bmm(basis.mT(), m) : at::bmm(m, basis);
    }
    return m;
  }
  // Returns Q_L m Q_R^T [B, r, c], the inverse of to_basis(): takes m from the eigenbases back to
  // its own.
  static at::Tensor from_basis(at::Tensor m, const std::vector<Side>& sides) {
    for (const auto& side : sides) {
      const auto basis = side.basis.to(m.scalar_type());
      m = side.left ? at::bmm(basis, m) : at::bmm(m, basis.mT());
    }
    return m;
  }

  std::string name_;
  int64_t refresh_, max_dim_;
};

}  // namespace

// Returns the catalog's entry of "soap", with the arguments refresh (steps between two turns of a
// basis) and max_dim (the largest size with a basis).
NormEntry soap() {
  return {.name = "soap",
          .summary =
              "Adam in the eigenbasis of Shampoo's factors: s = Q_L [m' / (sqrt(v) + eps)] Q_R^T "
              "(SOAP)",
          .arguments = {"refresh", "max_dim"},
          .examples = {"soap(refresh=2)", "soap(max_dim=5)"},
          .make = [](const Spec& spec, const Solvers&) -> NormPtr {
            return std::make_shared<Soap>(spec);
          }};
}

}  // namespace steepest::norms
