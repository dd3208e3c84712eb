// SPDX-License-Identifier: Apache-2.0
// Dion (arXiv 2504.05295, algorithm 1): one power iteration a step, from the Q of the step before,
//   P = qr(B Q),   R = B^T P,   s = P Q'^T,   Q' = R with columns of length 1,
// for the momentum B with error feedback: B <- B - (1 - mu) P R^T = B - (1 - mu) P P^T B after the
// step. The columns of Q' are of unit length but not orthogonal, so that s is in no ball of its
// own: <B, s> = sum |R_j| all the same. As in the authors' code P has the longer side, and so a
// wide B is transposed; where B = 0 the step is 0 and Q stays. Unlike there, a column of R that is
// no more than rounding gives a column 0 (they divide by |R_j| + 1e-8), and Q begins with normal
// numbers of a hash, the same for every matrix, in the place of torch's generator.
#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <numbers>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/low_rank.h"
#include "steepest/norms/symmetric.h"
#include "steepest/svd/pseudo_random.h"

namespace steepest::norms {
namespace {

// Returns [rows, columns] standard normal numbers, by Box and Muller of hashes in [-1, 1).
at::Tensor pseudo_normal(int64_t rows, int64_t columns, const at::TensorOptions& options) {
  const auto first = svd::pseudo_random(rows, 0, columns, options);
  const auto second = svd::pseudo_random(rows, columns, columns, options);
  const auto length = (0.5 - first / 2).log().mul(-2).sqrt();  // of a number in (0, 1]
  return length * (second * std::numbers::pi).cos();
}

class Dion : public Norm {
 public:
  // Reads the spec's argument rank_fraction, the rank of a step as a part of the shorter side.
  explicit Dion(const Spec& spec)
      : name_(print_spec(spec)), fraction_(argument(spec, "rank_fraction", 1, 0, 1)) {}

  // Returns the direction s = P Q'^T [B, r, c] and its dual <m, s>; beside them P and Q' as
  // factors, and Q' as what the slot is to become.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    auto [factors, dual] = iterated(m, context);
    const auto s = at::bmm(factors.left, factors.right.mT()).to(m.scalar_type());
    return {s, inner_product(m, s), std::move(factors)};
  }
  // Returns s as its factors alone, not multiplied out, and without its dual.
  Measured direction(const Batch& m, const NormContext& context) const override {
    return {{}, {}, iterated(m.matrices, context).factors};
  }
  // Returns s and, as the factor yet to be multiplied by, sum |R_j|, which needs no pass over m.
  Sharp sharp(const at::Tensor& m, const NormContext& context) const override {
    auto [factors, dual] = iterated(m, context);
    const auto s = at::bmm(factors.left, factors.right.mT()).to(m.scalar_type());
    return {s, dual, std::move(factors)};
  }
  // Asks for one slot for Q, which is of the shorter side.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    const auto shape = rows < cols ? Slot::Shape::left_basis : Slot::Shape::basis;
    return {{"basis", shape, rank(rows, cols)}};
  }
  // Says that s is no argmax, that it leaves its factors, and bounds its entries by the root of the
  // rank, below 2^15.
  NormTraits traits() const override {
    return {.exact = false,
            .largest_entry = 0x1p15,
            .low_rank = true,
            .single_thread_max_elements = kOneThreadElements};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return name_; }

 private:
  struct Iterated {
    Factors factors;  // of s
    at::Tensor dual;  // [B] float64: sum |R_j|
  };

  // Returns the rank of a step of a matrix [rows, cols]: 1 at least, if there are entries.
  int64_t rank(int64_t rows, int64_t cols) const {
    return part_of(std::min(rows, cols), fraction_);
  }

  // Returns Q [B, d, k], from which the iteration of matrices x [B, n, d] begins: the slot, or, at
  // the first step and without a slot, normal numbers.
  at::Tensor start(const at::Tensor& x, const NormContext& context) const {
    if (!context.slots.empty() && context.step > 1) return context.slots[0].to(x.scalar_type());
    const int64_t k = rank(x.size(1), x.size(2));
    return pseudo_normal(x.size(2), k, x.options()).expand({x.size(0), x.size(2), k});
  }

  // Returns the factors of s and its dual, of each matrix of m [B, r, c]. It works in float32 at
  // least, and on m divided by a power of two, so that no sum of products leaves the range.
  Iterated iterated(const at::Tensor& m, const NormContext& context) const {
    const bool wide = m.size(1) < m.size(2);
    auto x = at_least_float32(wide ? m.mT() : m);
    auto power = at::ones({x.size(0)}, x.options().dtype(at::kDouble));
    if (x.numel() > 0) power = power_of_two(x.abs().amax({1, 2}).to(at::kDouble));
    x = x / per_matrix(power, x);
    const auto q = start(x, context);
    const auto p = orthonormal(product(x, q));
    const auto r = product(x.mT(), p);
    const auto length = at::linalg_vector_norm(r, 2, {1}, /*keepdim=*/true);  // [B, 1, k]
    const double digits = x.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                         : std::numeric_limits<float>::epsilon();
    const auto noise =
        at::linalg_vector_norm(length, 2, {2}, true) * (digits * static_cast<double>(x.size(1)));
    const auto none = length <= noise;  // false of NaN
    const auto next = at::where(none, 0, r / length);
    const auto dual = at::where(none, 0, length).to(at::kDouble).sum({1, 2}) * power;
    const auto kept = at::where(none, q, next);
    if (wide) return {{next, p, kept}, dual};
    return {{p, next, kept, p}, dual};
  }

  std::string name_;
  double fraction_;
};

}  // namespace

// Returns the catalog's entry of "dion"; rank_fraction is its argument.
NormEntry dion() {
  return {.name = "dion",
          .summary = "one power iteration from the last step's: s = P Q^T, B ~ P R^T, Q ~ R (Dion)",
          .arguments = {"rank_fraction"},
          .examples = {"dion", "dion(rank_fraction=0.25)"},
          .make = [](const Spec& spec, const Solvers&) -> NormPtr {
            return std::make_shared<Dion>(spec);
          }};
}

}  // namespace steepest::norms
