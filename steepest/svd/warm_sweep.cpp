// SPDX-License-Identifier: Apache-2.0
// sweeps.cpp's first round for small matrices, where its many small tensors would take longer than
// the products: V is made orthonormal by CholeskyQR, and with H = Z^T Z the residuals are
//   |Z q - s^2 V q|^2 = q^T H q - s^4,   as V^T Z = G.

#include "steepest/svd/warm_sweep.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "steepest/kernels/cpu/sweep.h"
#include "steepest/kernels/cpu/tall.h"
#include "steepest/svd/basis.h"
#include "steepest/svd/ritz.h"
#include "steepest/svd/small_eigen.h"

namespace steepest::svd {
namespace {

constexpr int64_t kWidth = cpu::kTallWidth;
using Square = std::array<double, kWidth * kWidth>;

// L of G = L L^T, in place in the lower triangle; false where G is not safely positive definite.
bool cholesky(Square& g) {
  for (int64_t j = 0; j < kWidth; ++j) {
    const double before = g[j * kWidth + j];
    double d = before;
    for (int64_t k = 0; k < j; ++k) d -= g[j * kWidth + k] * g[j * kWidth + k];
    if (!(d > 1e-6 * before && d > 0)) return false;
    g[j * kWidth + j] = std::sqrt(d);
    for (int64_t i = j + 1; i < kWidth; ++i) {
      double sum = g[i * kWidth + j];
      for (int64_t k = 0; k < j; ++k) sum -= g[i * kWidth + k] * g[j * kWidth + k];
      g[i * kWidth + j] = sum / g[j * kWidth + j];
    }
  }
  return true;
}

// L^-T: upper triangular.
std::array<float, kWidth * kWidth> inverse_transpose(const Square& l) {
  Square inverse{};
  for (int64_t j = 0; j < kWidth; ++j) {
    inverse[j * kWidth + j] = 1 / l[j * kWidth + j];
    for (int64_t i = j + 1; i < kWidth; ++i) {
      double sum = 0;
      for (int64_t k = j; k < i; ++k) sum -= l[i * kWidth + k] * inverse[k * kWidth + j];
      inverse[i * kWidth + j] = sum / l[i * kWidth + i];
    }
  }
  std::array<float, kWidth * kWidth> out{};
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t j = 0; j < kWidth; ++j)
      out[j * kWidth + i] = static_cast<float>(inverse[i * kWidth + j]);
  return out;
}

// Twice: once leaves eps times the square of the block's condition.
bool orthonormalise(float* x, int64_t n) {
  for (int pass = 0; pass < 2; ++pass) {
    Square g;
    cpu::tall_gram(x, n, g.data());
    if (!cholesky(g)) return false;
    cpu::tall_product(x, n, inverse_transpose(g).data(), x);
  }
  return true;
}

// The first k columns of x [n, 16] times t [k, k], by rows t^T.
at::Tensor combined(const at::Tensor& x, int64_t k, const std::vector<double>& rows) {
  const auto y = at::empty({x.size(0), k}, x.options());
  const auto* from = x.const_data_ptr<float>();
  auto* to = y.mutable_data_ptr<float>();
  for (int64_t n = 0; n < x.size(0); ++n, from += kWidth, to += k) {
    for (int64_t i = 0; i < k; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j) sum += static_cast<double>(from[j]) * rows[i * k + j];
      to[i] = static_cast<float>(sum);
    }
  }
  return y;
}

at::Tensor as_tensor(const Values& x) {
  const auto out = at::empty({std::ssize(x)}, at::TensorOptions(at::kDouble));
  std::copy(x.begin(), x.end(), out.mutable_data_ptr<double>());
  return out;
}

// X diag(factors) Q^T of Q by rows.
at::Tensor product(const at::Tensor& x, const Square& q, const Values& factors) {
  std::array<float, kWidth * kWidth> t{};
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t j = 0; j < kWidth; ++j)
      t[j * kWidth + i] = static_cast<float>(q[i * kWidth + j] * factors[i]);
  const auto y = at::empty_like(x);
  cpu::tall_product(x.const_data_ptr<float>(), x.size(0), t.data(), y.mutable_data_ptr<float>());
  return y;
}

// Q H Q^T of Q by rows.
Square turned(const Square& h, const Square& q) {
  Square half{}, all{};  // Q H
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t k = 0; k < kWidth; ++k)
      for (int64_t j = 0; j < kWidth; ++j)
        half[i * kWidth + j] += q[i * kWidth + k] * h[k * kWidth + j];
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t j = 0; j < kWidth; ++j)
      for (int64_t k = 0; k < kWidth; ++k)
        all[i * kWidth + j] += half[i * kWidth + k] * q[j * kWidth + k];
  return all;
}

// The singular values of U^T A, whose square is diag(inverse) H diag(inverse).
Values values_further(Square h, const Values& inverse) {
  for (int64_t i = 0; i < kWidth; ++i)
    for (int64_t j = 0; j < kWidth; ++j) h[i * kWidth + j] *= inverse[i] * inverse[j];
  Values s(kWidth);
  Square q;
  small_eigen(h.data(), kWidth, s.data(), q.data());
  return roots(s);
}

// As triplets() of ritz.h. u = Y q / s, b = A^T u = Z q / s.
std::optional<Answer> answer_of(const at::Tensor& u, const at::Tensor& b, int64_t k) {
  Square g;
  cpu::tall_gram(b.const_data_ptr<float>(), b.size(0), g.data());
  std::vector<double> h(k * k), rows(k * k);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < k; ++j) h[i * k + j] = g[i * kWidth + j];
  Values s(k);
  small_eigen(h.data(), k, s.data(), rows.data());
  s = roots(s);
  if (!(s[k - 1] > kLeastRatio * s[0])) return {};
  const auto left = combined(u, k, rows);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < k; ++j) rows[i * k + j] /= s[i];
  const auto tau = at::scalar_tensor(shrinkage(s), at::TensorOptions(at::kDouble));
  return Answer{left, as_tensor(s), combined(b, k, rows), tau, SvdStatus::converged, 2, {}};
}

}  // namespace

std::optional<Answer> warm_sweep(const at::Tensor& a, const Task& task) {
  const int64_t rows = a.size(0), columns = a.size(1), most = std::min(rows, columns);
  if (!task.target.shrink && task.target.k > kWidth / 2) return {};
  if (task.start.size(1) != kWidth || a.numel() > kMostWarm || most < 2 * kWidth) return {};
  const auto v = task.start.to(at::kFloat).contiguous().clone();
  const auto random = pseudo_random(columns, 0, kRandom, v.options());
  v.narrow(1, kWidth - kRandom, kRandom)
      .copy_(random * (1 / std::sqrt(static_cast<double>(columns) / 3)));
  if (!orthonormalise(v.mutable_data_ptr<float>(), columns)) return {};
  const auto y = at::empty({rows, kWidth}, v.options()), z = at::empty_like(v);
  cpu::sweep({a.const_data_ptr<float>(), rows, columns, kWidth, v.const_data_ptr<float>(),
              y.mutable_data_ptr<float>(), z.mutable_data_ptr<float>()});
  Square g, h;
  cpu::tall_gram(y.const_data_ptr<float>(), rows, g.data());
  cpu::tall_gram(z.const_data_ptr<float>(), columns, h.data());
  double size = 0;
  for (int64_t i = 0; i < kWidth; ++i) size += g[i * kWidth + i];
  if (!(std::sqrt(size) > kLeastSize && std::sqrt(size) < kMostSize)) return {};

  Square q;
  Values squares(kWidth), s(kWidth), r(kWidth), one(kWidth, 1), inverse(kWidth);
  small_eigen(g.data(), kWidth, squares.data(), q.data());
  h = turned(h, q);
  for (int64_t i = 0; i < kWidth; ++i) {
    squares[i] = std::max(squares[i], 0.0), s[i] = std::sqrt(squares[i]);
    r[i] = std::sqrt(std::max(0.0, h[i * kWidth + i] - squares[i] * squares[i]));
    inverse[i] = 1 / std::max(s[i], kLeastRatio * s[0]);
  }
  if (!proved(squares, r, values_further(h, inverse), kWidth - 1, task)) return {};
  const int64_t k = task.target.shrink ? std::max<int64_t>(task.target.count(s), 1) : task.target.k;
  if (!(s[k - 1] > kLeastRatio * s[0])) return {};

  const auto u = product(y, q, inverse), b = product(z, q, inverse);
  std::optional<Answer> answer;
  if (task.target.shrink) {
    const auto tau = at::scalar_tensor(shrinkage(s), at::TensorOptions(at::kDouble));
    answer = Answer{u.narrow(1, 0, k),
                    as_tensor({s.begin(), s.begin() + k}),
                    product(v, q, one).narrow(1, 0, k),
                    tau,
                    SvdStatus::converged,
                    2,
                    {}};
  } else {
    answer = answer_of(u, b, k);
  }
  if (answer) answer->basis = b;  // of any length
  return answer;
}

}  // namespace steepest::svd
