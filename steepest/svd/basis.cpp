// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/basis.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>

#include "steepest/svd/small_svd.h"

namespace steepest::svd {
namespace {

struct Factors {
  at::Tensor q, r;
};

// w <- w - v c with c = v^T w.
at::Tensor project_out(const at::Tensor& v, at::Tensor& w) {
  const auto c = at::mm(v.mT(), w);
  w = w - at::mm(v, c);
  return c.to(at::kDouble);
}

// w / |w|, |w|; a zero column stays zero.
Factors normalise(const at::Tensor& w) {
  const auto length = at::linalg_vector_norm(w, 2, {0}, /*keepdim=*/true);
  return {at::where(length > 0, w / length, 0), length.to(at::kDouble)};
}

// w = q r with diag(r) >= 0, so a q that is orthonormal already is returned as it is.
Factors thin_qr(const at::Tensor& w) {
  if (w.size(1) == 1) return normalise(w);
  const auto [q, r] = at::linalg_qr(w);
  const auto sign = at::where(r.diagonal() < 0, -1, 1).to(w.scalar_type());
  return {q * sign, (sign.unsqueeze(1) * r).to(at::kDouble)};
}

// w = q diag(s) y^T, r = diag(s) y^T: the directions of w, largest first.
std::pair<Factors, at::Tensor> ranked(const at::Tensor& w, bool may_synchronise) {
  const auto f = thin_qr(w);
  if (w.size(1) == 1) return {f, f.r.select(1, 0)};
  const auto [x, s, y] = small_svd(f.r, may_synchronise);
  return {{at::mm(f.q, x.to(w.scalar_type())), s.unsqueeze(1) * y.mT()}, s};
}

// 32-bit hash with small enough constants that no int64 product overflows.
at::Tensor mix(const at::Tensor& x) {
  return x.bitwise_xor(x.bitwise_right_shift(16)).mul(0x45d9f3b).bitwise_and(0xffffffff);
}
uint32_t mix(uint32_t x) { return (x ^ x >> 16) * 0x45d9f3b; }

// The same numbers without a pass for each operation.
at::Tensor pseudo_random_on_cpu(int64_t rows, int64_t first_column, int64_t columns) {
  const auto out = at::empty({rows, columns}, at::TensorOptions(at::kFloat));
  auto* const to = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const auto seed = static_cast<uint32_t>(i + (first_column + 1 + j) * 0x1e3779b1);
      const uint32_t x = mix(mix(seed));
      to[i * columns + j] = static_cast<float>((x ^ x >> 16) >> 8) * 0x1p-23f - 1;
    }
  }
  return out;
}

}  // namespace

at::Tensor pseudo_random(int64_t rows, int64_t first_column, int64_t columns,
                         const at::TensorOptions& options) {
  const bool plain = options.device().is_cpu() && options.dtype() == at::kFloat;
  if (plain) return pseudo_random_on_cpu(rows, first_column, columns);
  const auto integers = options.dtype(at::kLong);
  const auto i = at::arange(rows, integers).unsqueeze(1);
  const auto j = at::arange(first_column + 1, first_column + 1 + columns, integers);
  const auto x = mix(mix((i + j * 0x1e3779b1).bitwise_and(0xffffffff)));
  const auto bits = x.bitwise_xor(x.bitwise_right_shift(16)).bitwise_right_shift(8);
  return bits.to(options.dtype()) * 0x1p-23 - 1;  // 24 bits: exact in float32
}

at::Tensor starting_block(const at::Tensor& start, int64_t width, int64_t rows,
                          const at::TensorOptions& options) {
  if (!start.defined()) return pseudo_random(rows, 0, width, options);
  const auto random = pseudo_random(rows, 0, std::max<int64_t>(width - start.size(1), 0), options);
  return at::cat({start, random * (1 / std::sqrt(rows / 3.0))}, 1);
}

Basis::Basis(int64_t dimension, const at::TensorOptions& options, bool may_synchronise)
    : storage_(at::empty({0, dimension}, options)), may_synchronise_(may_synchronise) {}

at::Tensor Basis::columns(int64_t from, int64_t to) const {
  return storage_.narrow(0, from, to - from).mT();
}

at::Tensor Basis::fresh(int64_t columns) {
  drawn_ += columns;
  return pseudo_random(storage_.size(1), drawn_ - columns, columns, storage_.options());
}

Split Basis::split(const at::Tensor& w, const at::Tensor& noise) {
  const auto v = columns();
  const int64_t width = std::min({w.size(0), w.size(1), room()});
  auto rest = w;
  auto c = project_out(v, rest);
  const auto [f, s] = ranked(rest, may_synchronise_);
  const auto dead = s.narrow(0, 0, width) <= noise;
  auto r = at::where(dead.unsqueeze(1), 0, f.r.narrow(0, 0, width));
  auto q = at::where(dead, fresh(width), f.q.narrow(1, 0, width));
  // What is small beside w, and what is pseudo-random, is not orthogonal to the basis yet.
  for (int round = 0; round < 2; ++round) {
    c += at::mm(project_out(v, q), r);
    const auto g = thin_qr(q);
    q = g.q;
    r = at::mm(g.r, r);
  }
  return {q, c, r};
}

void Basis::append(const at::Tensor& q) {
  const int64_t needed = size_ + q.size(1);
  if (needed > storage_.size(0)) {
    auto larger = at::empty({2 * needed, storage_.size(1)}, storage_.options());
    larger.narrow(0, 0, size_).copy_(storage_.narrow(0, 0, size_));
    storage_ = larger;
  }
  storage_.narrow(0, size_, q.size(1)).copy_(q.mT());
  size_ = needed;
}

void Basis::assign(const at::Tensor& q) {
  size_ = 0;
  append(q);
}

}  // namespace steepest::svd
