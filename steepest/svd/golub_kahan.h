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
  // Begins with an empty basis V and the columns of `block` [c, w], made orthonormal, as N, the
  // block that comes next in V. may_synchronise: whether the host may wait for the device. `a` has
  // to outlive it.
  GolubKahan(Matrix& a, const at::Tensor& block, bool may_synchronise);

  // Makes one product with A, A N = U C + U' R, N being the block of columns that comes next in V:
  // takes N into V, and the new directions U' into U.
  void forward();
  // Makes one product with A^T, A^T U' = V C + N R, for the columns U' that forward() has added to
  // U: makes the next block N of V, the part that is orthogonal to V.
  void backward();

  // Returns the number of columns of V, without its next block N.
  int64_t size() const { return v_size_; }

  // Returns the number of columns of N, V's next block. This, is_exhausted(), ritz_values(),
  // restart() and add_random_direction() are for after backward(), which makes N.
  int64_t width() const { return v_.size() - v_size_; }
  // Whether U or V spans its whole space, so that U^T A [V N], N being V's next block of columns,
  // has all singular values of A.
  bool is_exhausted() const { return width() == 0 || u_.capacity_left() == 0; }
  // Ritz values, which approximate A's singular values, descending, and |A^T u_i - s_i v_i| of
  // each.
  struct Estimates {
    Values s, residuals;
  };
  // Returns estimates of A's singular values, descending, on the host, and their residuals, if
  // these are wanted. Without them, the values of U^T A [V N], N being V's next block of columns,
  // which come nearer; with them those of B = U^T A V = P diag(s) Q^T, whose residuals are |E^T
  // p_i|, E = U^T A N, for the columns p_i of P.
  Estimates ritz_values(bool with_residuals) const;
  // Keeps the k = `keep` leading triplets of B = U^T A V = P diag(s) Q^T and V's next block N, and
  // forgets the rest of V and U: V <- V Q_k, U <- U P_k, B <- diag(s_1 .. s_k) and, for
  // E = U^T A N, E <- P_k^T E. It bounds memory and work.
  void restart(int64_t keep);
  // Adds a pseudo-random column to N, V's next block, so that blocks are one column wider from here
  // on. It finds the other copies of a multiple singular value, of which a Krylov space of w
  // starting vectors holds at most w.
  void add_random_direction();

  // Returns A's triplets as the bases hold them, u = U p, s and v = [V N] q of each triplet (p, s,
  // q) of the small matrix U^T A [V N], where N is V's next block of columns. There are as many as
  // U or [V N], whichever has fewer, has columns. It may be called after any product; the result
  // is given this status.
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
// or A's rank ends it, and returns the triplets of gk with the status that says which. `a` is gk's
// matrix, which counts the passes. rule(k, width) says, for k wanted triplets and blocks of `width`
// columns, at how many columns the basis V of right vectors is cut, and to how many.
Result iterate(GolubKahan& gk, const Matrix& a, const Problem& problem, const RestartRule& rule);

}  // namespace steepest::svd
