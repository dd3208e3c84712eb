// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/orthonormal_basis.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <utility>

#include "steepest/svd/pseudo_random.h"
#include "steepest/svd/small_svd.h"

namespace steepest::svd {
namespace {

struct QR {
  at::Tensor q, r;  // r in float64
};

// Replaces w [n, m] by w - V c for an orthonormal V [n, p], and returns c = V^T w [p, m] in
// float64: the part of w along V goes from w to c. w becomes another tensor. (vectors.cpp has the
// same projection for vectors by rows; it rounds differently.)
at::Tensor project_out(const at::Tensor& v, at::Tensor& w) {
  const auto c = at::mm(v.mT(), w);
  w = w - at::mm(v, c);
  return c.to(at::kDouble);
}

// Returns the QR of a single column w [n, 1] = (w / |w|) |w|, r [1, 1] in float64; a zero column
// stays zero.
QR normalised(const at::Tensor& w) {
  const auto length = at::linalg_vector_norm(w, 2, {0}, /*keepdim=*/true);
  return {at::where(length > 0, w / length, 0), length.to(at::kDouble)};
}

// Returns w [n, m] = q r with orthonormal q, r in float64 and diag(r) >= 0, so that of a w that is
// orthonormal already q is w: LAPACK's QR leaves the signs open.
QR thin_qr(const at::Tensor& w) {
  if (w.size(1) == 1) return normalised(w);
  const auto [q, r] = at::linalg_qr(w);
  const auto sign = at::where(r.diagonal() < 0, -1, 1).to(w.scalar_type());
  return {q * sign, (sign.unsqueeze(1) * r).to(at::kDouble)};
}

// Returns first w [n, m] = q r with orthonormal q, the principal directions of w, the longest
// first, and r = diag(s) y^T, and second their lengths s in float64, so that directions that are
// noise are the last.
std::pair<QR, at::Tensor> principal_qr(const at::Tensor& w, bool may_synchronise) {
  const auto f = thin_qr(w);
  if (w.size(1) == 1) return {f, f.r.select(1, 0)};
  const auto [x, s, y] = small_svd(f.r, may_synchronise);
  return {{at::mm(f.q, x.to(w.scalar_type())), s.unsqueeze(1) * y.mT()}, s};
}

}  // namespace

OrthonormalBasis::OrthonormalBasis(int64_t dimension, const at::TensorOptions& options,
                                   bool may_synchronise)
    : storage_(at::empty({0, dimension}, options)), may_synchronise_(may_synchronise) {}

at::Tensor OrthonormalBasis::columns(int64_t from, int64_t to) const {
  return storage_.narrow(0, from, to - from).mT();
}

at::Tensor OrthonormalBasis::random(int64_t columns) {
  n_random_ += columns;
  return pseudo_random(storage_.size(1), n_random_ - columns, columns, storage_.options());
}

Decomposition OrthonormalBasis::decompose(const at::Tensor& w, const at::Tensor& noise) {
  const auto v = columns();
  const int64_t width = std::min({w.size(0), w.size(1), capacity_left()});
  auto rest = w;
  auto c = project_out(v, rest);
  const auto [f, s] = principal_qr(rest, may_synchronise_);
  const auto is_noise = s.narrow(0, 0, width) <= noise;
  auto r = at::where(is_noise.unsqueeze(1), 0, f.r.narrow(0, 0, width));
  auto q = at::where(is_noise, random(width), f.q.narrow(1, 0, width));
  // Directions that are short beside w, and pseudo-random ones, are not orthogonal to V yet.
  for (int round = 0; round < 2; ++round) {
    c += at::mm(project_out(v, q), r);
    const auto again = thin_qr(q);
    q = again.q;
    r = at::mm(again.r, r);
  }
  return {q, c, r};
}

void OrthonormalBasis::append(const at::Tensor& q) {
  const int64_t needed = size_ + q.size(1);
  if (needed > storage_.size(0)) {
    auto larger = at::empty({2 * needed, storage_.size(1)}, storage_.options());
    larger.narrow(0, 0, size_).copy_(storage_.narrow(0, 0, size_));
    storage_ = larger;
  }
  storage_.narrow(0, size_, q.size(1)).copy_(q.mT());
  size_ = needed;
}

void OrthonormalBasis::assign(const at::Tensor& q) {
  size_ = 0;
  append(q);
}

}  // namespace steepest::svd
