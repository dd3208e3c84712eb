// SPDX-License-Identifier: Apache-2.0
// A subspace V, grown block by block, with its products by a matrix A [r, c], and the Ritz triplets
// that it holds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "steepest/svd/ritz.h"
#include "steepest/svd/vectors.h"

namespace steepest::svd {

// V with orthonormal columns, Y = A V, Z = A^T Y and G = Y^T Y, all but G stored by rows.
class KrylovSpace {
 public:
  // Makes an empty space for A = a [r, c], of which only shape and device are used. expected: for
  // how many vectors memory is made when the first is appended.
  KrylovSpace(const at::Tensor& a, int64_t expected);

  // Returns the number p of columns of the basis V.
  int64_t size() const { return v_.size(); }
  // Returns the orthonormal basis V, by rows [p, c].
  const Vectors& v() const { return v_; }
  // Returns Y^T = (A V)^T [p, r], the products of the basis V [c, p] with A; undefined while p is
  // 0.
  const at::Tensor& y() const { return y_.rows(); }
  // Returns Z^T = (A^T A V)^T [p, c], the products of the basis V [c, p] with A^T A; undefined
  // while p is 0.
  const at::Tensor& z() const { return z_.rows(); }
  // Returns the Gram matrix G = (A V)^T A V [p, p] of the basis V, in float64, multiplied in
  // float32 as the blocks came.
  const at::Tensor& gram() const { return g_; }
  // Returns the Gram matrix G = (A V)^T A V [p, p] of the basis V, multiplied anew in float64,
  // which small singular values need.
  at::Tensor gram_in_float64() const;

  // Adds a block: v [c, m] orthonormal and orthogonal to the basis V, with y = A v [r, m] and z =
  // A^T y [c, m]. They are copied, and the Gram matrix G = (A V)^T A V grows by their columns.
  void append(const at::Tensor& v, const at::Tensor& y, const at::Tensor& z);
  // Makes the `keep` leading Ritz vectors the basis, V <- V Q for the eigenvectors Q of the Gram
  // matrix G = (A V)^T A V, with their products by A and a diagonal G, and forgets the rest: what
  // has converged stays, and memory is bounded.
  void restart(int64_t keep);

 private:
  Vectors v_, y_, z_;
  at::Tensor g_;
  int64_t expected_;
};

// Returns A^T A v_i, by rows [count, c] in float32, of the first `count` Ritz vectors v_i = V q_i,
// approximations of right singular vectors, for the space's basis V and the eigenvectors q_i of
// space.gram(), which `pairs` has.
at::Tensor gram_times_ritz_vectors(const KrylovSpace& space, const Eigenpairs& pairs,
                                   int64_t count);
// Returns the residuals A^T A v_i - s_i^2 v_i of the first Ritz vectors, by rows [count, c], where
// z [count, c] = gram_times_ritz_vectors(space, pairs, count).
at::Tensor residuals(const KrylovSpace& space, const Eigenpairs& pairs, const at::Tensor& z);

// Returns the triplets of A in the space's basis V that `wanted`, from wanted_vectors(), names by
// eigenvectors q: u = A V q / s. A fixed number k of them comes from U^T A, which is half a step
// nearer to A than G = (A V)^T A V; with target.shrink they are G's own, as values below tau count
// too. Nothing where the least wanted value is below min_ratio s_1.
std::optional<Result> ritz_triplets(const KrylovSpace& space, const RitzVectors& wanted,
                                    const Problem& problem, double min_ratio);

// Returns columns [c, at most kWarmStartColumns] in float32 to begin with in the next call, when A
// has changed a little: A^T A v_i / s_i^2 for the leading Ritz vectors v_i.
at::Tensor warm_start(const KrylovSpace& space, const Eigenpairs& pairs);

// Returns at most `width` directions, as columns [c, m], in which most of the rows x [n, c] lies:
// their leading principal components, orthogonal and each as long as its singular value; or the
// rows themselves where they are no more than `width`.
at::Tensor principal_directions(const at::Tensor& x, int64_t width);

}  // namespace steepest::svd
