// SPDX-License-Identifier: Apache-2.0
// Names, shapes and numbers of parameters.
#include "tests/trainer_models/models.h"

namespace steepest::trainer {
namespace {

using namespace test;

int64_t count(const GptSpec& gpt) {
  ModelSpec spec;
  spec.gpt = gpt;
  return parameter_count(*make_model(spec, 0, at::kMeta));
}

TEST(Shape, PublishedSizes) {
  EXPECT_EQ(count(gpt_preset("gpt2")), 124439808);
  EXPECT_EQ(count(gpt_preset("gpt2-medium")), 354823168);
  EXPECT_EQ(count(gpt_preset("gpt2-large")), 774030080);
  EXPECT_EQ(count(gpt_preset("gpt2-xl")), 1557611200);
}

TEST(Shape, EachChoiceCounts) {
  const int64_t base = count(small());  // 2 * 31 * 16 + 2 * (12 * 16 * 16 + 2 * 16) + 16
  EXPECT_EQ(base, 992 + 6208 + 16);
  const auto more = [&](auto change) { return count(changed(change)) - base; };
  EXPECT_EQ(more([](auto& s) { s.tied = true; }), -31 * 16);
  EXPECT_EQ(more([](auto& s) { s.fused_qkv = true; }), 0);
  EXPECT_EQ(more([](auto& s) { s.positions = "learned"; }), 12 * 16);
  EXPECT_EQ(more([](auto& s) { s.normalization = "layer"; }), 0);
  EXPECT_EQ(more([](auto& s) { s.biases = true; }), 2 * (4 * 16 + 64 + 16));
  EXPECT_EQ(more([](auto& s) { s.biases = true, s.normalization = "layer"; }),
            2 * (4 * 16 + 64 + 16) + 5 * 16);
  EXPECT_EQ(more([](auto& s) { s.mlp_width = 10; }), 2 * 2 * 16 * (10 - 64));
  EXPECT_EQ(more([](auto& s) { s.activation = "swiglu"; }), 2 * 16 * 64);  // 16 * 8/3 -> 64
}

TEST(Shape, NamesAndKindsAreStable) {
  const auto listed = [](const GptSpec& spec) {
    std::string text;
    for (const auto& p : make(spec)->parameters())
      if (p.name.find("blocks.1.") == p.name.npos) text += p.name + " " + p.kind + "\n";
    return text;
  };
  EXPECT_EQ(listed(small()),
            "token_embedding.weight embedding\n"
            "blocks.0.attention_norm.weight gain\n"
            "blocks.0.attention.query.weight matrix\n"
            "blocks.0.attention.key.weight matrix\n"
            "blocks.0.attention.value.weight matrix\n"
            "blocks.0.attention.output.weight matrix\n"
            "blocks.0.mlp_norm.weight gain\n"
            "blocks.0.mlp.up.weight matrix\n"
            "blocks.0.mlp.down.weight matrix\n"
            "final_norm.weight gain\n"
            "head.weight head\n");
  EXPECT_EQ(listed(variants().at("as published")),
            "token_embedding.weight embedding\n"
            "position_embedding.weight embedding\n"
            "blocks.0.attention_norm.weight gain\n"
            "blocks.0.attention_norm.bias bias\n"
            "blocks.0.attention.qkv.weight matrix\n"
            "blocks.0.attention.qkv.bias bias\n"
            "blocks.0.attention.output.weight matrix\n"
            "blocks.0.attention.output.bias bias\n"
            "blocks.0.mlp_norm.weight gain\n"
            "blocks.0.mlp_norm.bias bias\n"
            "blocks.0.mlp.up.weight matrix\n"
            "blocks.0.mlp.up.bias bias\n"
            "blocks.0.mlp.down.weight matrix\n"
            "blocks.0.mlp.down.bias bias\n"
            "final_norm.weight gain\n"
            "final_norm.bias bias\n");
}

TEST(Shape, ImageModels) {
  ModelSpec spec;
  spec.kind = "mlp";
  auto mlp = make_model(spec, 1);
  EXPECT_EQ(parameter_count(*mlp), 3072 * 512 + 512 + 512 * 10 + 10);
  EXPECT_EQ(mlp->parameters()[0].name, "hidden.0.weight");
  EXPECT_EQ(mlp->logits(images(4)).sizes(), (std::vector<int64_t>{4, 10}));
  spec.kind = "cnn";
  auto cnn = make_model(spec, 1);
  EXPECT_EQ(parameter_count(*cnn), 32 * 28 + 64 * 289 + 128 * (64 * 64 + 1) + 10 * 129);
  EXPECT_EQ(cnn->parameters()[0].name, "convolutions.0.weight");
  EXPECT_EQ(cnn->parameters()[0].kind, "conv");
  EXPECT_EQ(cnn->logits(images(4)).sizes(), (std::vector<int64_t>{4, 10}));
  EXPECT_EQ(cnn->classes(), 10);
  EXPECT_EQ(cnn->context(), 0);
}

TEST(Shape, TableHoldsEveryParameterAndTheTotal) {
  auto model = make(small());
  const std::string table = describe(*model);
  for (const auto& p : model->parameters()) EXPECT_NE(table.find(p.name), table.npos) << p.name;
  EXPECT_NE(table.find("[64, 16]"), table.npos);
  EXPECT_NE(table.find("total"), table.npos);
  EXPECT_NE(table.find("7216"), table.npos);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2 + 19);
}

TEST(Shape, WrongInputsAreRefused) {
  auto model = make(small());
  const Batch long_rows = tokens(changed([](auto& s) { s.context = 13; }));
  EXPECT_THROW(model->logits(long_rows), std::invalid_argument);
  EXPECT_THROW(model->logits({long_rows.inputs[0], {}}), std::invalid_argument);
  const Batch batch = tokens(small());
  EXPECT_EQ(model->logits({batch.inputs.narrow(1, 0, 5), {}}).sizes(),
            (std::vector<int64_t>{3, 5, 31}));
}

}  // namespace
}  // namespace steepest::trainer
