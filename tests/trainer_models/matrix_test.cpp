// SPDX-License-Identifier: Apache-2.0
// The convex problem F(X) = <X, M X N> / 2: value, gradient, spectra, noise.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "steepest/route.h"
#include "tests/trainer_models/models.h"

namespace steepest::trainer {
namespace {

using namespace test;

std::unique_ptr<Model> problem(int64_t size, double noise = 0, uint64_t seed = 1,
                               uint64_t number = 0) {
  ModelSpec spec;
  spec.kind = "matrix";
  spec.matrix = {.size = size, .problem = number, .noise = noise};
  return make_model(spec, seed);
}

Batch rows(int64_t count, uint64_t seed = 1) {
  return {at::zeros({count}, at::kLong), at::zeros({count}, at::kLong), seed};
}

// Sets X and returns F there, with the gradient.
std::pair<double, at::Tensor> at_point(Model& model, const at::Tensor& x, const Batch& batch) {
  at::Tensor weight = model.parameters()[0].tensor;
  weight.mutable_grad() = at::Tensor();
  {
    const at::NoGradGuard no_grad;
    weight.copy_(x);
  }
  const at::Tensor loss = model.loss(batch);
  loss.backward();
  return {loss.item<double>(), weight.grad().clone()};
}

// The gradient's matrix over all entries of X, [size^2, size^2], which is M kron N.
at::Tensor hessian(Model& model, int64_t size) {
  std::vector<at::Tensor> columns;
  const at::Tensor unit = at::eye(size * size, at::kFloat);
  for (int64_t i = 0; i < size * size; ++i)
    columns.push_back(at_point(model, unit[i].reshape({size, size}), rows(1)).second.flatten());
  return at::stack(columns).to(at::kDouble);
}

TEST(Matrix, IsAConvexQuadraticWhoseEigenvaluesAreProducts) {
  constexpr int64_t size = 5;
  auto model = problem(size);
  const at::Tensor h = hessian(*model, size);
  EXPECT_LT(largest_difference(h, h.t()), 1e-6);
  // M kron N: its blocks are multiples of one matrix, so the blocks as rows have rank one.
  const at::Tensor blocks =
      h.reshape({size, size, size, size}).permute({0, 2, 1, 3}).reshape({25, 25});
  const at::Tensor gram = at::linalg_eigvalsh(blocks.t().matmul(blocks));
  EXPECT_LT(gram[23].item<double>(), 1e-10 * gram[24].item<double>());
  const at::Tensor values = at::linalg_eigvalsh(h);
  EXPECT_GT(values[0].item<double>(), 0);
  EXPECT_LT(values[24].item<double>(), 1);
  at::Generator random = make_generator(at::kCPU, 5);
  const at::Tensor x = at::randn({size, size}, random, at::TensorOptions(at::kFloat));
  const auto [value, gradient] = at_point(*model, x, rows(3));
  const at::Tensor flat = x.flatten().to(at::kDouble);
  EXPECT_NEAR(value, flat.dot(h.mv(flat)).item<double>() / 2, 1e-5);
  EXPECT_LT(largest_difference(gradient.flatten(), h.mv(flat)), 1e-5);
}

// The trace of M is size / 2 in the mean, with the deviation sqrt(size / 12); F(X0) = .005 tr M tr
// N.
TEST(Matrix, BeginsWhereThePublishedProblemDoes) {
  auto model = problem(500);
  const at::Tensor weight = model->parameters()[0].tensor;
  EXPECT_NEAR(weight.std().item<double>(), 0.1, 1e-3);
  const double trace = 250, deviation = std::sqrt(500. / 12);
  const double expected = 0.005 * trace * trace;
  EXPECT_NEAR(model->loss(rows(1)).item<double>(), expected,
              expected * (4 * 2 * deviation / trace));
}

TEST(Matrix, IsTheSameProblemForEverySeedFromAnotherPoint) {
  auto one = problem(6, 0, 1), other = problem(6, 0, 2);
  const at::Tensor x = one->parameters()[0].tensor.detach().clone();
  EXPECT_FALSE(other->parameters()[0].tensor.equal(x));
  EXPECT_EQ(at_point(*one, x, rows(1)).first, at_point(*other, x, rows(1)).first);
  auto third = problem(6, 0, 1, 1);
  EXPECT_TRUE(third->parameters()[0].tensor.equal(x));  // X is the seed's, M and N are not
  EXPECT_NE(at_point(*one, x, rows(1)).first, at_point(*third, x, rows(1)).first);
}

TEST(Matrix, NoiseIsUnbiasedShrinksWithTheRowsAndIsGoneOutOfTraining) {
  auto model = problem(30, 0.5);
  const at::Tensor x = model->parameters()[0].tensor.detach().clone();
  model->train(false);
  const auto [value, gradient] = at_point(*model, x, rows(1));
  model->train(true);
  for (const int64_t count : {1, 16}) {
    std::vector<at::Tensor> noises;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const auto [noisy, its] = at_point(*model, x, rows(count, seed));
      const at::Tensor z = its - gradient;
      EXPECT_NEAR(noisy, value + (x * z).sum().item<double>(), 1e-4);
      noises.push_back(z);
    }
    const at::Tensor all = at::stack(noises);
    const double deviation = 0.5 / std::sqrt(static_cast<double>(count));
    EXPECT_NEAR(all.std().item<double>() / deviation, 1, 0.03);
    EXPECT_NEAR(all.mean().item<double>() / deviation, 0, 0.03);
    const at::Tensor again = at_point(*model, x, rows(count, 7)).second;
    EXPECT_TRUE((again - gradient).equal(noises[6]));  // a function of the batch's seed
  }
}

TEST(Matrix, IsRoutedAsAMatrixAndHasNoLogits) {
  auto model = problem(4);
  const auto groups = route(model->module());
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].role, Role::matrix);
  EXPECT_THROW(model->logits(rows(1)), std::logic_error);
  EXPECT_FALSE(model->outcome(rows(2)).right.defined());
}

}  // namespace
}  // namespace steepest::trainer
