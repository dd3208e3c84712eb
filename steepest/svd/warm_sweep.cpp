// SPDX-License-Identifier: Apache-2.0
// sweeps.cpp's first round for small matrices, where its many small tensors would take longer than
// the products: V is made orthonormal by CholeskyQR, and with H = Z^T Z the residuals are
//   |Z q - s^2 V q|^2 = q^T H q - s^4,   as V^T Z = G.

#include "steepest/svd/warm_sweep.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>

#include "steepest/cpu/sweep.h"
#include "steepest/cpu/tall.h"
#include "steepest/svd/basis.h"
#include "steepest/svd/ritz.h"

namespace steepest::svd {
namespace {

constexpr int64_t kWidth = cpu::kTallWidth;
constexpr int64_t kMostNumbers = 1 << 20;  // of A: beyond, a sweep is what takes the time
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

at::Tensor as_tensor(const Square& g) {
  const auto out = at::empty({kWidth, kWidth}, at::TensorOptions(at::kDouble));
  std::copy(g.begin(), g.end(), out.mutable_data_ptr<double>());
  return out;
}

}  // namespace

std::optional<Answer> warm_sweep(const at::Tensor& a, const Task& task) {
  const int64_t rows = a.size(0), columns = a.size(1), most = std::min(rows, columns);
  if (!task.target.shrink && task.target.k > kWidth / 2) return {};
  if (task.start.size(1) != kWidth || a.numel() > kMostNumbers || most < 2 * kWidth) return {};
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

  const Eigen found = eigen(as_tensor(g));
  const Values squares = values(found.squares);
  const auto& q = found.vectors;
  Values r = values((at::mm(q, as_tensor(h)) * q).sum(1));
  for (int64_t i = 0; i < kWidth; ++i)
    r[i] = std::sqrt(std::max(0.0, r[i] - squares[i] * squares[i]));
  if (!proved(found, r, kWidth - 1, task)) return {};

  const auto best = leading(found, most, task.target);
  if (!best) return {};
  auto answer = triplets(*best, {v.mT(), y.mT(), z.mT()}, most, task);
  if (!answer) return {};
  answer->passes = 2;
  answer->basis = next_start(found, z.mT());
  return answer;
}

}  // namespace steepest::svd
