// SPDX-License-Identifier: Apache-2.0
// The first values: their statistics, and what they depend on.
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/rand.h>

#include <cmath>

#include "tests/trainer_models/models.h"

namespace steepest::trainer {
namespace {

using namespace test;

GptSpec medium(const std::string& init) {
  GptSpec spec{.vocab = 300, .context = 16, .layers = 8, .heads = 4, .width = 64};
  spec.init = init;
  spec.biases = true;
  spec.positions = "learned";
  spec.normalization = "layer";
  return spec;
}

double deviation(const at::Tensor& p) { return p.pow(2).mean().sqrt().item<double>(); }

// The deviation wanted of each weight; the sample's is within 5 % for 4096 numbers or more.
void expect_deviations(const GptSpec& spec, const std::map<std::string, double>& wanted) {
  auto model = make(spec);
  for (const auto& [name, value] : wanted) {
    const at::Tensor p = parameter(*model, name).detach();
    EXPECT_NEAR(deviation(p), value, value * 0.05) << spec.init << " " << name;
    EXPECT_LT(std::abs(p.mean().item<double>()), value * 0.1 + 1e-12) << spec.init << " " << name;
  }
}

TEST(Init, Gpt2) {
  const double residual = .02 / std::sqrt(16);
  expect_deviations(medium("gpt2"), {{"token_embedding.weight", .02},
                                     {"blocks.3.attention.query.weight", .02},
                                     {"blocks.3.attention.output.weight", residual},
                                     {"blocks.0.mlp.up.weight", .02},
                                     {"blocks.7.mlp.down.weight", residual},
                                     {"blocks.7.mlp.down.bias", 0},
                                     {"head.weight", .02}});
}

TEST(Init, Torch) {
  const double of_width = 1 / std::sqrt(3 * 64), of_inner = 1 / std::sqrt(3 * 256);
  expect_deviations(medium("torch"), {{"token_embedding.weight", 1},
                                      {"blocks.3.attention.query.weight", of_width},
                                      {"blocks.3.attention.output.weight", of_width},
                                      {"blocks.0.mlp.up.weight", of_width},
                                      {"blocks.7.mlp.down.weight", of_inner},
                                      {"blocks.7.attention_norm.bias", 0},
                                      {"head.weight", of_width}});
  auto model = make(medium("torch"));
  const at::Tensor bias = parameter(*model, "blocks.0.mlp.up.bias").detach();
  EXPECT_GT(bias.abs().max().item<double>(), 0.1);
  EXPECT_LE(bias.abs().max().item<double>(), 0.125);  // 1 / sqrt(64)
}

TEST(Init, TorchTiedStartsAsAHead) {
  GptSpec spec = medium("torch");
  spec.tied = true;
  expect_deviations(spec, {{"token_embedding.weight", 1 / std::sqrt(3 * 64)}});
}

TEST(Init, ZeroProjections) {
  expect_deviations(medium("zero_proj"), {{"token_embedding.weight", 1},
                                          {"blocks.3.attention.query.weight", 1 / std::sqrt(192)},
                                          {"blocks.3.attention.output.weight", 0},
                                          {"blocks.7.mlp.down.weight", 0},
                                          {"blocks.7.mlp.up.bias", 0},
                                          {"head.weight", 0}});
  auto model = make(medium("zero_proj"));
  EXPECT_NEAR(model->loss(tokens(medium("zero_proj"))).item<double>(), std::log(300), 1e-6);
}

TEST(Init, GainsAreOne) {
  for (const char* rule : {"torch", "gpt2", "zero_proj"})
    for (const auto& p : make(medium(rule))->parameters())
      if (p.kind == "gain") {
        EXPECT_TRUE(p.tensor.eq(1).all().item<bool>()) << rule << " " << p.name;
      }
}

TEST(Init, IsAFunctionOfTheSeed) {
  auto first = make(medium("torch"), 1), again = make(medium("torch"), 1),
       other = make(medium("torch"), 2);
  for (const auto& p : first->parameters()) {
    EXPECT_TRUE(p.tensor.equal(parameter(*again, p.name))) << p.name;
    const bool random = p.kind != "gain" && p.name.find("norm.bias") == p.name.npos;
    EXPECT_EQ(p.tensor.equal(parameter(*other, p.name)), !random) << p.name;
  }
}

TEST(Init, DependsOnNoOtherParameter) {
  auto base = make(small());
  auto other =
      make(changed([](auto& s) { s.layers = 3, s.positions = "learned", s.biases = true; }));
  const std::string name = "blocks.1.mlp.up.weight";
  EXPECT_TRUE(parameter(*base, name).equal(parameter(*other, name)));
  EXPECT_FALSE(parameter(*base, name).equal(parameter(*base, "blocks.0.mlp.up.weight")));
}

TEST(Init, LeavesTheGlobalGeneratorAlone) {
  at::manual_seed(5);
  const at::Tensor expected = at::rand({4});
  at::manual_seed(5);
  ModelSpec spec;
  for (const auto& kind : model_kinds()) {
    spec.kind = kind;
    make_model(spec, 3);
  }
  EXPECT_TRUE(at::rand({4}).equal(expected));
}

TEST(Init, OfImageModelsIsTorchs) {
  ModelSpec spec;
  spec.kind = "cnn";
  auto cnn = make_model(spec, 1);
  EXPECT_NEAR(deviation(parameter(*cnn, "hidden.weight").detach()), 1 / std::sqrt(3 * 4096), 1e-4);
  EXPECT_NEAR(deviation(parameter(*cnn, "convolutions.1.weight").detach()), 1 / std::sqrt(3 * 288),
              1e-3);
}

}  // namespace
}  // namespace steepest::trainer
