// SPDX-License-Identifier: Apache-2.0
// Block Golub-Kahan bidiagonalisation with full reorthogonalisation and thick restart (Golub &
// Kahan 1965; Golub, Luk & Overton 1981; Baglama & Reichel 2005), on A itself, never on A^T A:
//   A V = U B,   A^T U = V B^T + N E^T,
// U, V, N orthonormal, N the next block of V, B = U^T A V, E zero but for the last block of U.
#pragma once

#include <functional>

#include "steepest/svd/basis.h"
#include "steepest/svd/small_svd.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

class GolubKahan {
 public:
  GolubKahan(Matrix& a, const at::Tensor& block, bool may_synchronise);

  void forward();   // one product with A: takes N into V
  void backward();  // one product with A^T: makes the next N

  int64_t size() const { return closed_; }               // columns of V, without N
  int64_t width() const { return v_.size() - closed_; }  // of N, after backward
  // After backward: U or V is complete, so U^T A [V N] has all the singular values of A.
  bool exhausted() const { return width() == 0 || u_.room() == 0; }

  // The best triplets so far, from U^T A [V N].
  Solution best(SvdStatus status) const;
  // After backward: the singular values of U^T A [V N]. With residuals those of B = P diag(s) Q^T,
  // and |A^T u_i - s_i v_i| = |E^T p_i|.
  std::pair<Values, Values> ritz(bool with_residuals) const;
  // V <- V Q_k, U <- U P_k, B <- diag(s_1..k), E <- P_k^T E: the k best triplets and N stay.
  void restart(int64_t keep);
  // N <- [N, a pseudo-random direction]: finds the other copies of a multiple singular value, of
  // which the Krylov space of w starting vectors holds at most w.
  void widen();

 private:
  Matrix& a_;
  Basis u_, v_;                      // v_ holds [V N]
  at::Tensor b_;                     // [B E] = U^T A [V N], float64
  int64_t closed_ = 0, latest_ = 0;  // columns of V; columns of U that the last forward added
  bool may_synchronise_;
};

struct Shape {
  int64_t keep, capacity;  // columns of V after and before a restart
};

// forward and backward in turn until the task's stop rule, number of passes or A itself ends it.
Solution iterate(GolubKahan& gk, const Matrix& a, const Task& task,
                 const std::function<Shape(int64_t k, int64_t width)>& shape);

}  // namespace steepest::svd
