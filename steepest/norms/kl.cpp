// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/kl.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace steepest::norms {
namespace {

constexpr double kFirst = 0.1;  // eigenvalue

// Returns the sides of a matrix but this one.
Sides others(const Sides& sides, const Side& one) {
  Sides rest;
  for (const auto& side : sides)
    if (side.left != one.left) rest.push_back(side);
  return rest;
}

// Returns l [B, n], not below the smallest eigenvalue that is allowed, but 0 where it is 0.
at::Tensor bounded(const at::Tensor& l) {
  const double most = std::max<double>(10, static_cast<double>(std::min<int64_t>(l.size(1), 4000)));
  return at::where(l > 0, l.clamp_min(1 / (most * most)), l);
}

}  // namespace

void start_kl(const Sides& sides, const at::Tensor& g) {
  for (const auto& side : sides) {
    side.factor.div_(static_cast<double>(g.size(side.left ? 2 : 1)));
    side.values.fill_(kFirst);
  }
}

// Both sides are measured in the metrics of before. |rotated|^2 / l, summed over the other side, is
// the diagonal of Q^T [..] Q; times the other basis it is the whole of it.
void update_kl(const Sides& sides, const at::Tensor& g, const at::Tensor& rotated,
               const Average& average, bool factors) {
  std::vector<at::Tensor> products, diagonals;
  for (const auto& side : sides) {
    const auto other = others(sides, side);
    const int64_t dim = side.left ? 2 : 1;
    diagonals.push_back(whitened(rotated, other).square().mean(dim));
    if (!factors) continue;
    const auto half = whitened(to_basis(g.to(rotated.scalar_type()), other), other);
    const auto square = symmetric_product(side.left ? half : half.mT());
    products.push_back(square.div_(static_cast<double>(g.size(dim))));
  }
  for (size_t i = 0; i < sides.size(); ++i) {
    const auto advance = [&](const at::Tensor& mean, const at::Tensor& x) {
      mean.mul_(average.keep).add_(x.to(mean.scalar_type()), average.take);
    };
    if (factors) advance(sides[i].factor, products[i]);
    advance(sides[i].values, diagonals[i]);
    sides[i].values.copy_(bounded(sides[i].values));
  }
}

at::Tensor whitened(at::Tensor x, const Sides& sides) {
  for (const auto& side : sides) {
    const auto l = side.values.to(x.scalar_type());
    const auto root = at::where(l == 0, 0, l.rsqrt());
    x = x * root.unsqueeze(side.left ? 2 : 1);
  }
  return x;
}

}  // namespace steepest::norms
