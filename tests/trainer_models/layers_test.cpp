// SPDX-License-Identifier: Apache-2.0
// Rotary positions, the squared ReLU and dropout.
#include <ATen/Context.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/relu.h>
#include <c10/core/InferenceMode.h>

#include "tests/trainer_models/models.h"
#include "trainer/models/layers.h"
#include "trainer/models/rotary.h"

namespace steepest::trainer {
namespace {

using namespace test;

at::Tensor normal(at::IntArrayRef sizes, uint64_t seed) {
  at::Generator random = make_generator(at::kCPU, seed);
  return at::randn(sizes, random, at::TensorOptions(at::kFloat));
}

// <turned q at t, turned k at s> for one query and key at all positions: [t, s]
at::Tensor products(const Rotary& rotary, int64_t length, int64_t width) {
  const at::Tensor q = normal({1, 1, 1, width}, 1).expand({1, length, 1, width}),
                   k = normal({1, 1, 1, width}, 2).expand({1, length, 1, width});
  return rotary(q).view({length, width}).matmul(rotary(k).view({length, width}).t());
}

TEST(Rotary, ProductsDependOnTheDistanceAlone) {
  const at::Tensor p = products(Rotary(40, 16, 100, 1, at::kCPU), 40, 16);
  const auto a = p.accessor<float, 2>();
  double spread = 0;
  for (int64_t t = 0; t + 1 < 40; ++t)
    for (int64_t s = 0; s + 1 < 40; ++s)
      spread = std::max<double>(spread, std::abs(a[t][s] - a[t + 1][s + 1]));
  EXPECT_LT(spread, 1e-4);
  EXPECT_GT(p[0].max().item<double>() - p[0].min().item<double>(), 1);  // but on it they do
  EXPECT_GT(largest_difference(p[0], p.select(1, 0)), 0.1);             // and on its sign
}

TEST(Rotary, KeepsLengthsAndTheFirstPosition) {
  const Rotary rotary(20, 8, 10000, 1, at::kCPU);
  const at::Tensor x = normal({2, 20, 3, 8}, 1), y = rotary(x);
  EXPECT_LT(largest_difference(x.norm(2, -1), y.norm(2, -1)), 1e-5);
  EXPECT_TRUE(y.select(1, 0).equal(x.select(1, 0)));
  EXPECT_GT(largest_difference(y.select(1, 1), x.select(1, 1)), 0.1);
}

TEST(Rotary, AFractionLeavesTheLastPairs) {
  const Rotary rotary(20, 8, 10000, 0.5, at::kCPU);
  const at::Tensor x = normal({1, 20, 1, 8}, 1), y = rotary(x);
  EXPECT_TRUE(y.narrow(3, 4, 4).equal(x.narrow(3, 4, 4)));
  EXPECT_GT(largest_difference(y.select(3, 2), x.select(3, 2)), 0.1);
}

TEST(Rotary, AModelMadeOrMovedInInferenceModeStillTrains) {
  std::unique_ptr<Rotary> rotary;
  {
    const c10::InferenceMode on;
    rotary = std::make_unique<Rotary>(20, 8, 10000, 1, at::kCPU);
    rotary->to(at::kCPU);
  }
  const at::Tensor x = normal({1, 20, 1, 8}, 1).requires_grad_();
  EXPECT_NO_THROW((*rotary)(x).sum().backward());
}

TEST(SquaredRelu, HasItsValueAndGradient) {
  const at::Tensor x = normal({50}, 1).requires_grad_(), y = x.detach().clone().requires_grad_();
  const at::Tensor weight = normal({50}, 2);
  const at::Tensor ours = squared_relu(x), theirs = at::relu(y).pow(2);
  EXPECT_TRUE(ours.equal(theirs));
  ours.mul(weight).sum().backward();
  theirs.mul(weight).sum().backward();
  EXPECT_LT(largest_difference(x.grad(), y.grad()), 1e-6);
  EXPECT_GT(x.grad().abs().max().item<double>(), 0.1);
}

TEST(Dropout, KeepsTheMeanAndTheRate) {
  Dropout dropout(0.25, true, 1);
  const at::Tensor x = at::ones({40000});
  const at::Tensor y = dropout(x);
  EXPECT_NEAR(y.eq(0).to(at::kDouble).mean().item<double>(), 0.25, 0.011);  // 5 deviations
  EXPECT_NEAR(y.max().item<double>(), 1 / 0.75, 1e-6);
  EXPECT_FALSE(dropout(x).equal(y));  // the next place drops others
  Dropout again(0.25, true, 1), other(0.25, true, 2), off(0.25, false, 1);
  EXPECT_TRUE(again(x).equal(y));
  EXPECT_FALSE(other(x).equal(y));
  EXPECT_TRUE(off(x).equal(x));
}

TEST(Dropout, OfAModelIsAFunctionOfTheBatch) {
  for (const char* kind : {"gpt", "mlp", "cnn"}) {
    ModelSpec spec;
    spec.kind = kind;
    spec.gpt = small();
    spec.gpt.dropout = spec.mlp.dropout = spec.cnn.dropout = 0.3;
    auto model = make_model(spec, 1);
    Batch batch = spec.kind == "gpt" ? tokens(small()) : images(4);
    at::manual_seed(1);
    const at::Tensor first = model->logits(batch), expected = at::rand({3});
    at::manual_seed(1);
    EXPECT_TRUE(at::rand({3}).equal(expected)) << kind;  // the global generator was not used
    EXPECT_TRUE(model->logits(batch).equal(first)) << kind;
    batch.seed += 1;
    EXPECT_FALSE(model->logits(batch).equal(first)) << kind;
    model->train(false);
    const at::Tensor quiet = model->logits(batch);
    batch.seed += 1;
    EXPECT_TRUE(model->logits(batch).equal(quiet)) << kind;
  }
}

TEST(Dropout, OfAttentionIsTheSameAttention) {
  for (const auto& [name, spec] : variants()) {
    GptSpec with = spec;
    with.dropout = 1e-12;  // takes the path with a mask, which drops nothing
    const at::Tensor plain = scattered(spec)->logits(tokens(spec));
    EXPECT_LT(largest_difference(scattered(with)->logits(tokens(spec)), plain), 1e-4) << name;
  }
}

}  // namespace
}  // namespace steepest::trainer
