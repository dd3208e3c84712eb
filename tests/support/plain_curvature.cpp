// SPDX-License-Identifier: Apache-2.0
#include "tests/support/plain_curvature.h"

#include <ATen/ATen.h>

#include <cmath>

namespace steepest::test {
namespace {

constexpr int64_t kRefresh = 10;

at::Tensor eigenbasis(const at::Tensor& factor) {
  return std::get<1>(at::linalg_eigh(factor)).flip(1);
}

bool is_vector(const at::Tensor& g) { return g.size(0) == 1 || g.size(1) == 1; }

}  // namespace

// The columns in the order of their Rayleigh quotients, then one power iteration and a QR.
void PlainSoap::turn(at::Tensor& basis, const at::Tensor& factor, int64_t dim) {
  const auto quotients = basis.t().mm(factor).mm(basis).diagonal();
  const auto order = quotients.argsort(-1, /*descending=*/true);
  v_ = v_.index_select(dim, order);
  basis = std::get<0>(at::linalg_qr(factor.mm(basis.index_select(1, order))));
}

at::Tensor PlainSoap::direction(const at::Tensor& g, const at::Tensor& m, double beta2, double eps,
                                const std::string& start) {
  const double b = step_ == 0 && start == "first" ? 0 : beta2;
  if (step_ == 0) {
    const auto eye = [&](int64_t n) { return at::eye(n, g.options()); };
    left_ = (1 - b) * g.mm(g.t()), right_ = (1 - b) * g.t().mm(g);
    left_basis_ = is_vector(g) ? eye(g.size(0)) : eigenbasis(left_);
    right_basis_ = is_vector(g) ? eye(g.size(1)) : eigenbasis(right_);
    v_ = at::zeros_like(g);
  } else if ((step_ + leaf_) % kRefresh == 0 && !is_vector(g)) {
    turn(left_basis_, left_, 0);
    turn(right_basis_, right_, 1);
  }
  v_ = b * v_ + (1 - b) * left_basis_.t().mm(g).mm(right_basis_).square();
  if (step_ > 0) {
    left_ = b * left_ + (1 - b) * g.mm(g.t());
    right_ = b * right_ + (1 - b) * g.t().mm(g);
  }
  ++step_;
  const auto turned = left_basis_.t().mm(m).mm(right_basis_) / (v_.sqrt() + eps);
  const double corrected =
      start == "corrected" ? std::sqrt(1 - std::pow(beta2, static_cast<double>(step_))) : 1;
  return left_basis_.mm(turned * corrected).mm(right_basis_.t());
}

at::Tensor PlainNorMuon::direction(const at::Tensor& s, double beta2, double eps) {
  if (!v_.defined()) v_ = at::zeros({s.size(0)}, s.options());
  v_ = beta2 * v_ + (1 - beta2) * s.square().mean(1);
  const auto scaled = s / (v_.sqrt() + eps).unsqueeze(1);
  return scaled * (s.norm() / scaled.norm());
}

}  // namespace steepest::test
