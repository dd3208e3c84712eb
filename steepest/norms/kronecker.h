// SPDX-License-Identifier: Apache-2.0
// What Shampoo, SOAP and their kin share: for the rows (left) and the columns of a matrix [r, c] a
// factor F, a mean of g g^T or of g^T g, and a matrix that is made of it every `refresh` steps. The
// refreshes are staggered, (t - 1 + leaf) % refresh = 0 beside t = 1, so that no step carries all.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "steepest/base/spec.h"
#include "steepest/norm.h"

namespace steepest::norms {

// One side of a batch of matrices [B, r, c]: n is r on the left, c on the right.
struct Side {
  bool left = true;
  at::Tensor factor;  // F [B, n, n]
  at::Tensor basis;   // Q [B, n, n]: eigenvectors of F, or a power of it
  at::Tensor values;  // [B, n]: eigenvalues that are kept beside Q; undefined where none are
};
using Sides = std::vector<Side>;

// The matrices of a batch whose turn it is.
class Due {
 public:
  // Makes the turn of the matrices with these indices, out of `batch`.
  Due(const std::vector<int64_t>& indices, int64_t batch, const at::Device& device);
  bool none() const { return none_; }
  // Returns the matrices of x [B, ..] whose turn it is, [B', ..].
  at::Tensor of(const at::Tensor& x) const;
  // Returns the sides with the bases of these matrices alone, for to_basis() and from_basis().
  Sides bases_of(const Sides& sides) const;
  // Writes y [B', ..], in any dtype, to the places in x [B, ..] that of() has read.
  void put(const at::Tensor& x, const at::Tensor& y) const;

 private:
  at::Tensor indices_;  // undefined: all
  bool none_;
};

class Kronecker {
 public:
  struct Kind {
    std::string basis;     // the basis' name in a state: "eigenvectors"
    bool values = false;   // whether eigenvalues are kept beside it
    int64_t smallest = 2;  // no shorter side has a factor
  };

  // Reads of a norm's arguments: sides (both, left, right, or short, the shorter one), refresh (10
  // steps), max_dim (10,000: no longer side has a factor) and vectors (false: of a row or column,
  // only the side of length 1 may have a factor).
  Kronecker(const Spec& spec, Kind kind);
  // Returns those arguments and `more`, for a catalog entry.
  static std::vector<std::string> arguments(std::vector<std::string> more);

  // Returns the slots of each side that has a factor, the rows' before the columns'.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const;
  // Returns the sides of matrices like m [B, r, c] out of the context's slots from `first` on.
  Sides sides(const at::Tensor& m, const NormContext& context, size_t first) const;
  // Returns which of m's matrices are to be refreshed at this step.
  Due due(const at::Tensor& m, const NormContext& context) const;

 private:
  bool has_side(bool left, int64_t rows, int64_t cols) const;

  Kind kind_;
  std::string sides_;
  int64_t refresh_, max_dim_;
  bool vectors_;
};

// Advances the factors in place by the gradients g [B, r, c]: F <- keep F + take g g^T on the left,
// with g^T g on the right.
void update_factors(const Sides& sides, const at::Tensor& g, const Average& average);

// Turns the bases Q of the matrices that are due towards the eigenvectors of their factors F, in
// place: by one power iteration and a QR of its columns q, if `sorted` in the order of q^T F q.
// Returns the order [B', n] then.
at::Tensor turn(const Side& side, const Due& due, bool sorted);
// Does so, sorted, and sorts with the basis the rows or columns of v [B, r, c], which is kept in
// it.
void turn_with(const at::Tensor& v, const Side& side, const Due& due);

// Returns Q_L^T m Q_R of m [B, r, c]; a side that is not there is the identity. A loaded state may
// have another dtype in each slot: m's decides, which is at least float32.
at::Tensor to_basis(at::Tensor m, const Sides& sides);
// Returns Q_L m Q_R^T [B, r, c].
at::Tensor from_basis(at::Tensor m, const Sides& sides);

}  // namespace steepest::norms
