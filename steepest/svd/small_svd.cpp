// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/small_svd.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>

#include <utility>

#include "steepest/kernels/kernels.h"

namespace steepest::svd {
namespace {

constexpr int64_t kSweeps = 10;

// Returns the columns [from, to) of x, a view.
at::Tensor columns(const at::Tensor& x, int64_t from, int64_t to) {
  return x.narrow(1, from, to - from);
}

// Rotates each pair of columns (l_i, r_i) of l and r [m, h], in place, so that their first `rows`
// elements become orthogonal; the rest of a column goes with them, and gathers the rotations.
// zeta = (|r|^2 - |l|^2) / (2 <l, r>), t = sign(zeta) / (|zeta| + sqrt(1 + zeta^2)) = tan(angle).
void rotate(at::Tensor& l, at::Tensor& r, int64_t rows) {
  const auto a = l.narrow(0, 0, rows), b = r.narrow(0, 0, rows);
  const auto inner = (a * b).sum(0);
  const auto zeta = (b.square().sum(0) - a.square().sum(0)) / (2 * inner);
  const auto size = (zeta.abs() + (zeta.square() + 1).sqrt()).reciprocal();
  const auto t = at::where(inner == 0, 0, at::where(zeta < 0, -size, size));
  const auto cosine = (t.square() + 1).rsqrt(), sine = cosine * t;
  std::tie(l, r) = std::pair(cosine * l - sine * r, sine * l + cosine * r);
}

// Makes new pairs (l_i, r_i) of the 2 h columns of l and r [m, h], which it replaces, by the circle
// method of a tournament: l_0 stays and all others move on by one seat, so that in 2 h - 1 rounds
// every column meets every other one and is back where it began.
void next_round(at::Tensor& l, at::Tensor& r) {
  const int64_t h = l.size(1);
  if (h == 1) return;
  const auto next_l = at::cat({columns(l, 0, 1), columns(r, 0, 1), columns(l, 1, h - 1)}, 1);
  r = at::cat({columns(r, 1, h), columns(l, h - 1, h)}, 1);
  l = next_l;
}

// Returns x diag(1 / s), orthonormal [m, n], for orthogonal columns x [m, n] of lengths s [n]; in
// place of a column of length about zero, some column that is orthonormal to the others. A QR makes
// that one; the signs that it gives the others are undone.
at::Tensor orthonormal(const at::Tensor& x, const at::Tensor& s) {
  const auto [q, r] = at::linalg_qr(at::where(s > 0, x / s, 0));
  return q * at::where(r.diagonal() < 0, -1, 1);
}

}  // namespace

SmallSvd jacobi_svd(const at::Tensor& b) {
  if (b.size(0) < b.size(1)) {
    const auto t = jacobi_svd(b.mT());
    return {t.v, t.s, t.u};
  }
  // b = Q R, R^T = Q' R'. The columns of R'^T are nearly orthogonal, so fewer sweeps are needed.
  const auto [q, r] = at::linalg_qr(b);
  const auto [q2, r2] = at::linalg_qr(r.mT());
  // [R'^T; Q'] J, with the rotations J that make the upper columns orthogonal.
  const int64_t n = b.size(1), half = (n + 1) / 2;
  auto x = at::pad(at::cat({r2.mT(), q2}), {0, 2 * half - n});
  auto left = columns(x, 0, half), right = columns(x, half, 2 * half);
  for (int64_t round = 0; round < kSweeps * (2 * half - 1); ++round) {
    rotate(left, right, n);
    next_round(left, right);
  }
  x = columns(at::cat({left, right}, 1), 0, n);
  const auto [s, order] = at::sort(at::linalg_vector_norm(x.narrow(0, 0, n), 2, {0}), 0, true);
  x = x.index_select(1, order);
  return {at::mm(q, orthonormal(x.narrow(0, 0, n), s)), s, x.narrow(0, n, n)};
}

SmallSvd small_svd(const at::Tensor& b, bool may_synchronise) {
  if (!kernels_of(b).host_reads && !may_synchronise) return jacobi_svd(b);
  const auto [u, s, vh] = at::linalg_svd(b.cpu(), /*full_matrices=*/false);
  return {u.to(b.device()), s.to(b.device()), vh.mT().to(b.device())};
}

}  // namespace steepest::svd
