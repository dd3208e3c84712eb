// SPDX-License-Identifier: Apache-2.0
// |X|^2 = (|X|_F^2 + |X|_nuc^2) / 2 <= 1, the F* norm of "Neon" (its text prints |X|_F + |X|_nuc
// for the square, which is no norm; equations (5) and (6) belong to this one):
//   sum_i [sigma_i - tau]+ = tau,   so tau = (sigma_1 + .. + sigma_k) / (k + 1) for the largest k
//   with sigma_k > tau;   with d = [sigma - tau]+ and e = tau^2 + |d|^2: s = U diag(d) V^T / sqrt(e
//   / 2),   dual = sqrt(2 e).
// The direction that iterations return is within 10 svd_tol of the exact one, relative to its
// Frobenius norm, as residuals prove (svd/error_bound.h): 1e-2 by default. The stop "value" alone
// would leave about sqrt(svd_tol): the dual's error is the square of the direction's. From svd_tol
// = .02 on, sqrt(2 svd_tol) is asked for instead, which the dual norm's own tolerance needs. With
// the stops "subspace" and "approximation" svd_tol is the direction's tolerance itself.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/low_rank.h"
#include "steepest/svd/warm_start.h"

namespace steepest::norms {
namespace {

class FStar : public Norm {
 public:
  // options: how the truncated SVDs are computed; where they stop by the value, the direction's
  // own tolerance takes its place.
  explicit FStar(SvdOptions options) : options_(std::move(options)) {
    if (options_.stop != "value") return;
    options_.stop = "approximation";
    options_.tol = std::min(10 * options_.tol, std::sqrt(2 * options_.tol));
  }

  // Returns the steepest direction s = U diag(d) V^T / sqrt(e / 2) and its dual <m, s> for each
  // matrix m = U diag(sigma) V^T of m [B, r, c], where d = [sigma - tau]+, e = tau^2 + |d|^2, and
  // tau solves sum [sigma - tau]+ = tau; beside them its factors, and the vectors that the next
  // decomposition begins with.
  Measured steepest(const at::Tensor& m, const NormContext& context) const override {
    const auto [t, values] = shrunk(m, context);
    const auto factors = factors_with(t, values, context);
    const auto s = at::bmm(factors.left, factors.right.mT()).to(m.scalar_type());
    return {s, inner_product(m, s), factors};
  }
  // Returns dual times s, by which a regularized step moves, of each matrix of m [B, r, c], in two
  // parts: s, and the dual [B] as a factor yet to be multiplied by. The dual is the sum of sigma_i
  // times the singular values of s, which needs no pass over m.
  Sharp sharp(const at::Tensor& m, const NormContext& context) const override {
    const auto [t, values] = shrunk(m, context);
    const auto factors = factors_with(t, values, context);
    return {at::bmm(factors.left, factors.right.mT()).to(m.scalar_type()), (values * t.s).sum(1),
            factors};
  }
  // Asks for one slot, of right singular vectors with which the next decomposition begins; none for
  // small matrices. How many values will exceed tau is not known beforehand: the slot has a fixed
  // number of vectors, from which the others are found.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    return warm_start_slots(options_, svd::kWarmStartColumns, rows, cols);
  }
  // Says that the direction is exact only by LAPACK's SVD, the method "exact", else to the solver's
  // tolerance, that it leaves its factors, and up to which size a matrix is decomposed by one
  // thread.
  NormTraits traits() const override {
    return {.exact = options_.method == "exact",
            .low_rank = true,
            .single_thread_max_elements = svd::kMaxOneThreadElements};
  }
  // Returns the norm's text, from which make_norm() makes the same norm again.
  std::string name() const override { return "f_star"; }

 private:
  struct Shrunk {
    Triplets t;
    at::Tensor values;  // [B, k]: of s
  };
  // Returns the leading singular triplets of each matrix of m [B, r, c], all those with sigma_i >
  // tau among them, where sum [sigma - tau]+ = tau; and in `values` the singular values of the
  // direction, d_i / sqrt(e / 2) with d = [sigma - tau]+ and e = tau^2 + |d|^2, which are 0 for
  // triplets below tau.
  Shrunk shrunk(const at::Tensor& m, const NormContext& context) const {
    const auto [t, tau] = shrinkage_triplets(m, options_, warm_start(context));
    // At tau's own scale: the squares of float64's ends are beyond it.
    const auto power = power_of_two(tau);
    const auto unit = tau / power;
    const auto d = (t.s - tau.unsqueeze(1)).clamp_min(0) / power.unsqueeze(1);
    const auto root = (unit.square() + d.square().sum(1)).mul(0.5).sqrt().unsqueeze(1);
    return {t, safe_divide(d, root)};
  }
  // Returns the direction's factors U diag(values) and V, of the triplets t and with `values` [B,
  // k] in the place of their singular values, and the columns with which the next decomposition
  // begins.
  static Factors factors_with(const Triplets& t, const at::Tensor& values,
                              const NormContext& context) {
    auto factors = factors_of(t, warm_start(context));
    factors.left = t.u * values.to(t.u.scalar_type()).unsqueeze(1);
    return factors;
  }

  SvdOptions options_;
};

}  // namespace

// Returns the catalog's entry of "f_star", which takes no arguments.
NormEntry f_star() {
  return {.name = "f_star",
          .summary =
              "sqrt((|X|_F^2 + |X|_nuc^2) / 2): s ~ U [sigma - tau]+ V^T (F* of Neon, corrected)",
          .arguments = {},
          .examples = {"f_star"},
          .make = [](const Spec&, const Solvers& solvers) -> NormPtr {
            return std::make_shared<FStar>(solvers.svd);
          }};
}

}  // namespace steepest::norms
