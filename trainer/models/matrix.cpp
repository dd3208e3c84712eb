// SPDX-License-Identifier: Apache-2.0
#include "trainer/models/matrix.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>

#include <cmath>

#include "trainer/models/generator.h"

namespace steepest::trainer {
namespace {

// A symmetric matrix [size, size] with eigenvalues uniform in (0, 1), as the seed draws it: Q
// diag(u) Q^T with Q of the QR factorization of a Gaussian matrix, in float64, then rounded to
// float32. The signs of Q's columns, which QR leaves open, have no part in it.
at::Tensor draw_definite(int64_t size, uint64_t seed) {
  at::Generator random = make_generator(at::kCPU, seed);
  const auto options = at::TensorOptions(at::kDouble);
  const at::Tensor q = std::get<0>(at::linalg_qr(at::randn({size, size}, random, options)));
  const at::Tensor m = (q * at::rand({size}, random, options)).matmul(q.t());
  return (m + m.t()).mul_(0.5).to(at::kFloat);
}

}  // namespace

Matrix::Matrix(const MatrixSpec& spec, at::Device device) : noise_(spec.noise) {
  weight = register_parameter("weight", at::empty({spec.size, spec.size}, device));
  if (device.is_meta()) return;
  left_ = draw_definite(spec.size, 2 * spec.problem + 1);
  right_ = draw_definite(spec.size, 2 * spec.problem + 2);
}

at::Tensor Matrix::forward(const Batch& batch) {
  at::Tensor gradient, value;  // M X N (+ Z), and F (+ <Z, X>)
  {
    const at::NoGradGuard no_grad;
    left_ = left_.to(weight.device()), right_ = right_.to(weight.device());
    gradient = left_.matmul(weight).matmul(right_);
    value = (weight * gradient).sum() / 2;
    if (is_training() && noise_ > 0) {
      at::Generator random = make_generator(weight.device(), batch.seed);
      const double deviation = noise_ / std::sqrt(static_cast<double>(batch.targets.size(0)));
      const at::Tensor z = at::empty_like(weight).normal_(0, deviation, random);
      gradient = gradient + z;
      value = value + (weight * z).sum();
    }
  }
  // As M and N are symmetric, the gradient is known: two products less than autograd would take.
  const at::Tensor linear = (weight * gradient).sum();
  return linear - linear.detach() + value;
}

}  // namespace steepest::trainer
