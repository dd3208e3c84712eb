// SPDX-License-Identifier: Apache-2.0
// Block Golub-Kahan bidiagonalisation with full reorthogonalisation and thick restart (Golub &
// Kahan 1965; Golub, Luk & Overton 1981; Baglama & Reichel 2005), on A itself, never on A^T A:
//   A V = U B,   A^T U = V B^T + N E^T,
// with U, V and N orthonormal, N the next block of V, B = U^T A V, and E = U^T A N, which is zero
// but for the rows of the last block of U.
#pragma once

#include <functional>
#include <utility>

#include "steepest/svd/orthonormal_basis.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

class GolubKahan {
 public:
  GolubKahan(Matrix& a, const at::Tensor& block, bool may_synchronise);

  void forward();   // one product with A: takes N into V
  void backward();  // one product with A^T: makes the next N

  int64_t size() const { return v_size_; }  // columns of V, without N

  // The rest holds after backward().
  int64_t width() const { return v_.size() - v_size_; }  // columns of N
  // Whether U or V is complete, so that U^T A [V N] has all singular values of A.
  bool is_exhausted() const { return width() == 0 || u_.capacity_left() == 0; }
  // Returns singular values, descending, and their residuals: without residuals those of
  // U^T A [V N] and an empty list; with residuals those of B = P diag(s) Q^T and
  // |A^T u_i - s_i v_i| = |E^T p_i|.
  std::pair<Values, Values> ritz_values(bool with_residuals) const;
  // V <- V Q_k, U <- U P_k, B <- diag(s_1 .. s_k), E <- P_k^T E: k triplets and N stay.
  void restart(int64_t keep);
  // N <- [N, a pseudo-random direction]. It finds the other copies of a multiple singular value, of
  // which a Krylov space of w starting vectors holds at most w.
  void widen();

  // The triplets of U^T A [V N], at any time.
  Result ritz_triplets(SvdStatus status) const;

 private:
  Matrix& a_;
  OrthonormalBasis u_, v_;  // v_ holds [V N]
  at::Tensor b_;            // [B E] = U^T A [V N], float64
  int64_t v_size_ = 0;      // columns of V
  int64_t last_block_ = 0;  // columns that the last forward() added to U
  bool may_synchronise_;
};

struct RestartSizes {
  int64_t keep, capacity;  // columns of V after and before a restart
};
using RestartRule = std::function<RestartSizes(int64_t k, int64_t width)>;

// Calls forward() and backward() in turn until the stop rule, the number of passes or A itself ends
// it, and returns the triplets. rule(k, width) says, for k wanted triplets and blocks of `width`
// columns, when V is cut and to how many columns.
Result iterate(GolubKahan& gk, const Matrix& a, const Problem& problem, const RestartRule& rule);

}  // namespace steepest::svd
