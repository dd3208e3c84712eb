// SPDX-License-Identifier: Apache-2.0
// What every choice of the transformer must keep: causality, gradients everywhere, rows apart.
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <set>

#include "tests/trainer_models/models.h"

namespace steepest::trainer {
namespace {

using namespace test;

TEST(Gpt, LaterTokensChangeNoEarlierLogit) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, spec] : variants()) {
    auto model = scattered(spec);
    const Batch batch = tokens(spec);
    const at::Tensor before = model->logits(batch);
    for (const int64_t place : {0, 5, 11}) {
      at::Tensor inputs = batch.inputs.clone();
      inputs.select(1, place).add_(1).remainder_(spec.vocab);
      const at::Tensor change = model->logits({inputs, {}}).sub(before).abs().amax({0, 2});
      if (place > 0) {
        EXPECT_LT(change.narrow(0, 0, place).max().item<double>(), 1e-6) << name;
      }
      EXPECT_GT(change.narrow(0, place, 12 - place).min().item<double>(), 1e-5) << name;
    }
  }
}

TEST(Gpt, RowsDoNotMix) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, spec] : variants()) {
    auto model = scattered(spec);
    const Batch batch = tokens(spec);
    const at::Tensor alone = model->logits({batch.inputs.narrow(0, 1, 1), {}});
    EXPECT_LT(largest_difference(model->logits(batch)[1], alone[0]), 1e-5) << name;
  }
}

TEST(Gpt, GradientsReachEveryParameter) {
  for (const auto& [name, spec] : variants()) {
    auto model = scattered(spec);
    model->loss(tokens(spec)).backward();
    for (const auto& p : model->parameters()) {
      ASSERT_TRUE(p.tensor.grad().defined()) << name << " " << p.name;
      // The key's bias shifts all scores of a row alike, which softmax does not see.
      if (p.name.find("key.bias") != p.name.npos && !spec.qk_norm) continue;
      EXPECT_GT(p.tensor.grad().abs().max().item<double>(), 1e-7) << name << " " << p.name;
    }
  }
}

// The same numbers in every parameter of the same name: only the choice itself can differ.
TEST(Gpt, EveryChoiceChangesTheLogits) {
  const at::NoGradGuard no_grad;
  const at::Tensor base = scattered(small())->logits(tokens(small()));
  for (const auto& [name, spec] : variants()) {
    auto reference = scattered(small()), model = scattered(spec);
    for (auto& p : model->parameters())
      for (const auto& q : reference->parameters())
        if (q.name == p.name && q.tensor.sizes() == p.tensor.sizes()) p.tensor.copy_(q.tensor);
    const double difference = largest_difference(model->logits(tokens(spec)), base);
    if (name == "small" || name == "fused")  // the three drawn in one are the same numbers
      EXPECT_EQ(difference, 0);
    else
      EXPECT_GT(difference, 1e-4) << name;
  }
}

TEST(Gpt, FusedIsTheThreeInOne) {
  const at::NoGradGuard no_grad;
  auto three = scattered(small());
  auto fused = scattered(variants().at("fused"));
  for (auto& p : fused->parameters()) {
    if (p.name.find("qkv") == p.name.npos) {
      p.tensor.copy_(parameter(*three, p.name));
      continue;
    }
    const std::string stem = p.name.substr(0, p.name.size() - 10);  // without qkv.weight
    int64_t part = 0;
    for (const char* name : {"query", "key", "value"})
      p.tensor.narrow(0, 16 * part++, 16).copy_(parameter(*three, stem + name + ".weight"));
  }
  EXPECT_LT(largest_difference(three->logits(tokens(small())), fused->logits(tokens(small()))),
            1e-5);
}

TEST(Gpt, CapBoundsTheLogits) {
  const GptSpec spec = changed([](auto& s) { s.logit_cap = 0.5; });
  auto capped = scattered(spec), free = scattered(small());
  const at::Tensor z = free->logits(tokens(spec)), c = capped->logits(tokens(spec));
  EXPECT_GT(z.abs().max().item<double>(), 0.5);
  EXPECT_LT(c.abs().max().item<double>(), 0.5);
  EXPECT_LT(largest_difference(c, z.mul(0.5).div(z.square().add(0.25).sqrt())), 1e-5);
}

TEST(Gpt, LossIsTheMeanCrossEntropy) {
  const at::NoGradGuard no_grad;
  auto model = scattered(small());
  const Batch batch = tokens(small());
  const at::Tensor p = model->logits(batch).to(at::kDouble).softmax(-1);
  const at::Tensor chosen = p.gather(2, batch.targets.unsqueeze(2)).log();
  EXPECT_NEAR(model->loss(batch).item<double>(), -chosen.mean().item<double>(), 1e-5);
}

TEST(Gpt, LearnsToRepeat) {  // the next token is the one three places back
  GptSpec spec = small();
  auto model = make(spec);
  Batch batch = tokens(spec, 16);
  batch.inputs = batch.inputs.narrow(1, 0, 3).repeat({1, 4});
  batch.targets = batch.inputs.roll(-1, 1);
  const double before = model->loss(batch).item<double>();
  for (int step = 0; step < 60; ++step) {
    model->loss(batch).backward();
    const at::NoGradGuard no_grad;
    for (auto& p : model->parameters()) {
      p.tensor.sub_(p.tensor.grad().sign(), 0.01);
      p.tensor.mutable_grad().zero_();
    }
  }
  EXPECT_NEAR(before, std::log(31), 0.1);
  EXPECT_LT(model->loss(batch).item<double>(), before / 3);
}

}  // namespace
}  // namespace steepest::trainer
