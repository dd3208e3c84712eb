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

  int64_t size() const { return v_.size(); }         // p, the columns of V
  const Vectors& v() const { return v_; }            // V^T [p, c]
  const at::Tensor& y() const { return y_.rows(); }  // Y^T [p, r]
  const at::Tensor& z() const { return z_.rows(); }  // Z^T [p, c]
  const at::Tensor& gram() const { return g_; }      // G [p, p] float64
  at::Tensor gram_in_float64() const;                // of Y in float64: small values need it

  // v [c, m] orthonormal and orthogonal to V, y = A v, z = A^T y.
  void append(const at::Tensor& v, const at::Tensor& y, const at::Tensor& z);
  // Keeps so many leading Ritz vectors, V <- V Q, and forgets the rest.
  void restart(int64_t keep);

 private:
  Vectors v_, y_, z_;
  at::Tensor g_;
  int64_t expected_;
};

// A^T A v_i of the first `count` Ritz vectors v_i = V q_i, by rows [count, c].
at::Tensor gram_times_ritz_vectors(const KrylovSpace& space, const Eigenpairs& pairs,
                                   int64_t count);
// A^T A v_i - s_i^2 v_i for as many as z = gram_times_ritz_vectors() has, by rows.
at::Tensor residuals(const KrylovSpace& space, const Eigenpairs& pairs, const at::Tensor& z);

// The wanted triplets. Those of a fixed number k are the triplets of U^T A = S^-1 Q^T Z^T, half a
// step further than those of G. With `shrink` they are those of G, as the values below tau count
// too. None where min_ratio (see wanted_vectors) is not met.
std::optional<Result> ritz_triplets(const KrylovSpace& space, const RitzVectors& wanted,
                                    const Problem& problem, double min_ratio);

// Columns [c, at most kWarmStartColumns] to begin with when A has changed a little: A^T A v_i /
// s_i^2 for the leading Ritz vectors.
at::Tensor warm_start(const KrylovSpace& space, const Eigenpairs& pairs);

// The at most `width` orthogonal directions in which most of the rows x [n, c] lies, as columns.
at::Tensor principal_directions(const at::Tensor& x, int64_t width);

}  // namespace steepest::svd
