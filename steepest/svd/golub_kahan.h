// SPDX-License-Identifier: Apache-2.0
// Block Golub-Kahan bidiagonalisation with full reorthogonalisation and thick restart (Golub &
// Kahan 1965; Golub, Luk & Overton 1981; Baglama & Reichel 2005), on A itself, never on A^T A:
//   A V = U B,   A^T U = V B^T + N E^T,
// with U, V and N orthonormal, N the next block of V, B = U^T A V, and E = U^T A N, which is zero
// but for the rows of the last block of U.
#pragma once

#include <functional>

#include "steepest/svd/orthonormal_basis.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

class GolubKahan {
 public:
  // Begins with the columns of `block` [c, w], made orthonormal, as N, and an empty V.
  // may_synchronise: whether the host may wait for the device. `a` has to outlive it.
  GolubKahan(Matrix& a, const at::Tensor& block, bool may_synchronise);

  // One product with A, A N = U C + U' R: takes N into V, and the new directions U' into U.
  void forward();
  // One product with A^T, A^T U' = V C + N R: makes the next N, the part that is orthogonal to V.
  void backward();

  // The number of columns of V, without N.
  int64_t size() const { return v_size_; }

  // The number of columns of N, the next block. This and what follows holds after backward().
  int64_t width() const { return v_.size() - v_size_; }
  // Whether U or V spans its whole space, so that U^T A [V N] has all singular values of A.
  bool is_exhausted() const { return width() == 0 || u_.capacity_left() == 0; }
  // Ritz values, which approximate A's singular values, descending, and |A^T u_i - s_i v_i| of
  // each.
  struct Estimates {
    Values s, residuals;
  };
  // Without residuals (an empty list) the values of U^T A [V N], which are the nearer ones; with
  // them those of B = P diag(s) Q^T, for which the residual is |E^T p_i|.
  Estimates ritz_values(bool with_residuals) const;
  // Keeps the k = `keep` leading triplets of B = P diag(s) Q^T and N, and forgets the rest of V and
  // U: V <- V Q_k, U <- U P_k, B <- diag(s_1 .. s_k), E <- P_k^T E. It bounds memory and work.
  void restart(int64_t keep);
  // N <- [N, a pseudo-random direction]: a block one column wider from here on. It finds the other
  // copies of a multiple singular value, of which a Krylov space of w starting vectors holds at
  // most w.
  void add_random_direction();

  // The triplets of U^T A [V N], with this status: as many as the one of U and [V N] has columns
  // that has fewer. At any time.
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

// Calls gk.forward() and gk.backward() in turn until the problem's stop rule, its number of passes
// or A's rank ends it, and returns the triplets of gk. `a` is gk's matrix, which counts the passes.
// rule(k, width) says, for k wanted triplets and blocks of `width` columns, when V is cut and to
// how many columns.
Result iterate(GolubKahan& gk, const Matrix& a, const Problem& problem, const RestartRule& rule);

}  // namespace steepest::svd
