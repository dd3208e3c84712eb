// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/vectors.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/svd/target.h"

namespace steepest::svd {
namespace {

constexpr int kMaxProjections = 3;

// Squares of lengths, relative to the largest column, below which a direction of the block is
// dropped. In the first projection it is rounding of x; later the columns are of unit length, and
// what is left of one is mostly rounding.
constexpr double kMinSquareAtFirst = 1e-10, kMinSquare = 1e-2;

// Returns X^T X [m, m], summed in float64, of x [n, m] in float32: by the device's kernel where it
// takes x, else by a product of a float64 copy.
at::Tensor column_gram(const at::Tensor& x) {
  const auto g = at::empty({x.size(1), x.size(1)}, x.options().dtype(at::kDouble));
  if (kernels_of(x).blocks->gram(x, g.mutable_data_ptr<double>())) return g;
  const auto y = x.to(at::kDouble);
  return at::mm(y.mT(), y);
}

// Returns the product X t [n, q] in float32 of x [n, m] in float32 and t [m, q] in float64: by the
// device's kernel where it takes them, which multiplies in float32, else in float64.
at::Tensor times(const at::Tensor& x, const at::Tensor& t) {
  if (t.size(1) == kBlockColumns) {
    const auto y = at::empty_like(x);
    const auto small = t.to(at::kFloat).contiguous();
    if (kernels_of(x).blocks->product(x, small.const_data_ptr<float>(), y)) return y;
  }
  return at::mm(x.to(at::kDouble), t).to(at::kFloat);
}

// Replaces x [n, m] by x - V V^T x, a new tensor, for orthonormal vectors V^T [p, n], `rows`.
// Returns the squared lengths of the columns of V^T x, what was taken away, [m] float64.
at::Tensor project_out_rows(const at::Tensor& rows, at::Tensor& x) {
  const auto c = at::mm(rows, x);
  x = at::addmm(x, rows.mT(), c, 1, -1);
  return c.to(at::kDouble).square().sum(0);
}

}  // namespace

void Vectors::reserve(int64_t vectors, int64_t first) {
  const int64_t capacity = storage_.defined() ? storage_.size(0) : 0;
  if (capacity >= vectors) return;
  vectors = std::max({vectors, first, 2 * capacity});
  const auto before = rows_.defined() ? rows_.clone() : at::Tensor();
  storage_ = try_kernel(kernels_of(like_).workspace, use_, like_, vectors, length_);
  if (!storage_.defined()) storage_ = at::empty({vectors, length_}, like_.options());
  if (before.defined()) assign(before);
}

void Vectors::append(const at::Tensor& columns) {
  const int64_t before = size();
  rows_ = storage_.narrow(0, 0, before + columns.size(1));
  const auto added = storage_.narrow(0, before, columns.size(1));
  if (!kernels_of(columns).blocks->transpose(columns, added)) added.copy_(columns.mT());
}

void Vectors::assign(const at::Tensor& rows) {
  rows_ = storage_.narrow(0, 0, rows.size(0));
  rows_.copy_(rows);
}

// With V^T V = I + D, a projection x - V c, c = V^T x, leaves the error D c. In a Krylov space c is
// large along the newest vectors, so that D would grow by the factor |c| / |x - V c| with each
// block. Therefore x is projected against these first: the whole projection then has a small c, or
// else it is repeated.
at::Tensor orthogonalized(const Vectors& v, at::Tensor x, int64_t recent,
                          double* residual_fraction) {
  const int64_t size = v.size();
  at::Tensor along_recent;
  if (recent < size) along_recent = project_out_rows(v.rows().narrow(0, size - recent, recent), x);
  for (int pass = 0; pass < kMaxProjections && x.size(1) > 0; ++pass) {
    const auto along = size > 0 ? project_out_rows(v.rows(), x) : at::Tensor();
    const auto g = column_gram(x);
    const auto [d, e] = at::linalg_eigh(g);  // G = E diag(d) E^T
    const auto before = along.defined() ? g.diagonal() + along : g.diagonal();
    const bool took_little = (g.diagonal() > .5 * before).all().item<bool>();
    const double largest = before.max().item<double>();
    double least = kMinSquare * largest;
    if (pass == 0) {
      const auto all = along_recent.defined() ? before + along_recent : before;
      least = kMinSquareAtFirst * all.max().item<double>();
      if (residual_fraction != nullptr)
        *residual_fraction = (g.diagonal() / all).max().sqrt().item<double>();
    }
    const Values squares = values(d);
    const int64_t dropped =
        std::count_if(squares.begin(), squares.end(), [&](double s) { return !(s > least); });
    const int64_t kept = std::ssize(squares) - dropped;
    x = times(x, e.narrow(1, dropped, kept) * d.narrow(0, dropped, kept).rsqrt());
    if (dropped == 0 && took_little && squares[0] > kMinSquare * largest) break;
  }
  return x;
}

}  // namespace steepest::svd
