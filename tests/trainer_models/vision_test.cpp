// SPDX-License-Identifier: Apache-2.0
// The image models: gradients, edges, and that they learn.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>

#include "tests/trainer_models/models.h"
#include "trainer/data/make_dataset.h"

namespace steepest::trainer {
namespace {

using namespace test;

std::unique_ptr<Model> make(const std::string& kind) {
  ModelSpec spec;
  spec.kind = kind;
  spec.mlp.widths = {64, 32};
  spec.cnn = {.channels = {8, 16}, .hidden = 32};
  spec.resnet = {.depth = 8, .width = 8};
  spec.cnn.dropout = 0;
  return make_model(spec, 1);
}

TEST(Vision, GradientsReachEveryParameter) {
  for (const char* kind : {"mlp", "cnn"}) {
    auto model = make(kind);
    model->loss(images(8)).backward();
    for (const auto& p : model->parameters())
      EXPECT_GT(p.tensor.grad().abs().max().item<double>(), 1e-6) << kind << " " << p.name;
  }
}

TEST(Vision, MlpIsItsFormula) {
  const at::NoGradGuard no_grad;
  auto model = make("mlp");
  const Batch batch = images(4);
  at::Tensor x = batch.inputs.flatten(1);
  for (const std::string name : {"hidden.0.", "hidden.1.", "head."}) {
    x = x.matmul(parameter(*model, name + "weight").t()).add(parameter(*model, name + "bias"));
    if (name != "head.") x = at::gelu(x);
  }
  EXPECT_LT(largest_difference(model->logits(batch), x), 1e-5);
}

TEST(Vision, CnnSeesTheEdgesAndEveryChannel) {
  const at::NoGradGuard no_grad;
  auto model = make("cnn");
  const Batch batch = images(1);
  const at::Tensor before = model->logits(batch);
  for (int64_t c = 0; c < 3; ++c)
    for (const int64_t place : {0, 31}) {
      at::Tensor inputs = batch.inputs.clone();
      inputs.select(1, c).select(1, place).select(1, place).fill_(30);
      EXPECT_GT(largest_difference(model->logits({inputs, {}}), before), 1e-4) << c << place;
    }
}

TEST(Vision, LearnDrawnPictures) {
  DataSpec data;
  data.kind = "procedural";
  data.train_images = data.validation_images = 64;
  data.batch = 64;
  for (const std::string kind : {"mlp", "cnn", "resnet"}) {
    if (kind == "resnet") data.side = 8;
    const Batch batch = make_dataset(data)->batch(Split::train, 0);
    auto model = make(kind);
    const double before = model->loss(batch).item<double>();
    for (int step = 0; step < 60; ++step) {
      model->loss(batch).backward();
      const at::NoGradGuard no_grad;
      for (auto& p : model->parameters()) {
        p.tensor.sub_(p.tensor.grad().sign(), 0.001);
        p.tensor.mutable_grad().zero_();
      }
    }
    EXPECT_NEAR(before, 2.303, kind == "resnet" ? 1.5 : 0.2) << kind;
    EXPECT_LT(model->loss(batch).item<double>(), 1.4) << kind;
  }
}

}  // namespace
}  // namespace steepest::trainer
