// SPDX-License-Identifier: Apache-2.0
// Choices outside their range are refused: key, received, allowed.
#include <cmath>

#include "tests/support/faults.h"
#include "tests/trainer_models/models.h"

namespace steepest::trainer {
namespace {

using steepest::test::error_of;

void expect_refused(const std::function<void(ModelSpec&)>& change,
                    const std::vector<std::string>& parts) {
  ModelSpec spec;
  change(spec);
  EXPECT_THROW(validate(spec), std::invalid_argument) << parts[0];
  const std::string text = error_of([&] { make_model(spec, 0); });
  EXPECT_TRUE(steepest::test::one_line(text));
  for (const auto& part : parts) EXPECT_NE(text.find(part), text.npos) << part << " in: " << text;
}

TEST(Spec, DefaultsAndPresetsAreValid) {
  for (const auto& kind : model_kinds()) {
    ModelSpec spec;
    spec.kind = kind;
    EXPECT_NO_THROW(validate(spec)) << kind;
  }
  for (const char* name : {"tiny", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"})
    EXPECT_NO_THROW(validate({.gpt = gpt_preset(name)})) << name;
  EXPECT_NE(error_of([] { gpt_preset("gpt3"); }).find("'gpt3', allowed tiny, gpt2"),
            std::string::npos);
}

TEST(Spec, Gpt) {
  expect_refused([](auto& s) { s.kind = "rnn"; }, {"model.kind", "'rnn'", "gpt, mlp, cnn"});
  expect_refused([](auto& s) { s.gpt.layers = 0; }, {"model.layers", "received 0", "1.."});
  expect_refused([](auto& s) { s.gpt.vocab = -1; }, {"model.vocab", "received -1", "1.."});
  expect_refused([](auto& s) { s.gpt.context = 0; }, {"model.context", "received 0"});
  expect_refused([](auto& s) { s.gpt.heads = 0; }, {"model.heads", "received 0"});
  expect_refused([](auto& s) { s.gpt.heads = 3; }, {"model.heads", "received 3", "128"});
  expect_refused([](auto& s) { s.gpt.heads = 128; }, {"model.heads", "even"});
  expect_refused([](auto& s) { s.gpt.width = 2000000; }, {"model.width", "received 2000000"});
  expect_refused([](auto& s) { s.gpt.mlp_width = -4; }, {"model.mlp_width", "received -4"});
  expect_refused([](auto& s) { s.gpt.positions = "x"; }, {"model.positions", "'x'", "learned"});
  expect_refused([](auto& s) { s.gpt.normalization = "x"; }, {"model.normalization", "rms, layer"});
  expect_refused([](auto& s) { s.gpt.activation = "x"; }, {"model.activation", "swiglu"});
  expect_refused([](auto& s) { s.gpt.init = "x"; }, {"model.init", "zero_proj"});
  expect_refused([](auto& s) { s.gpt.tied = true, s.gpt.init = "zero_proj"; },
                 {"model.init", "'zero_proj'", "tied"});
  for (const double bad : {-.1, 1., std::nan("")})
    expect_refused([&](auto& s) { s.gpt.dropout = bad; }, {"model.dropout", "0 <= dropout < 1"});
  for (const double bad : {0., 1.5, std::nan("")})
    expect_refused([&](auto& s) { s.gpt.rotary_fraction = bad; }, {"model.rotary_fraction"});
  expect_refused([](auto& s) { s.gpt.rotary_base = 1; }, {"model.rotary_base", "received 1"});
  expect_refused([](auto& s) { s.gpt.attention_scale = -1; }, {"model.attention_scale"});
  expect_refused([](auto& s) { s.gpt.logit_cap = -1; }, {"model.logit_cap", "received -1"});
}

TEST(Spec, ResnetAndMatrix) {
  for (const int64_t bad : {0, 2, 7, 9, 19, 1208})
    expect_refused([&](auto& s) { s.kind = "resnet", s.resnet.depth = bad; },
                   {"model.depth", "received " + std::to_string(bad), "6 n + 2 from 8 to 1202"});
  expect_refused([](auto& s) { s.kind = "resnet", s.resnet.width = 0; }, {"model.width", "0"});
  expect_refused([](auto& s) { s.kind = "matrix", s.matrix.size = 0; }, {"model.size", "0"});
  for (const double bad : {-1., std::nan("")})
    expect_refused([&](auto& s) { s.kind = "matrix", s.matrix.noise = bad; }, {"model.noise"});
}

TEST(Spec, ImageModels) {
  const auto mlp = [](auto change) {
    return [change](ModelSpec& s) { s.kind = "mlp", change(s.mlp); };
  };
  const auto cnn = [](auto change) {
    return [change](ModelSpec& s) { s.kind = "cnn", change(s.cnn); };
  };
  expect_refused(mlp([](auto& s) { s.widths = {512, 0}; }), {"model.widths", "received 0"});
  expect_refused(mlp([](auto& s) { s.inputs = 0; }), {"model.inputs", "received 0"});
  expect_refused(mlp([](auto& s) { s.dropout = 1; }), {"model.dropout", "received 1"});
  expect_refused(cnn([](auto& s) { s.channels = {8, 0}; }), {"model.channels", "received 0"});
  expect_refused(cnn([](auto& s) { s.channels = {8, 8, 8, 8, 8, 8}; }),
                 {"model.channels", "6 blocks", "32"});
  expect_refused(cnn([](auto& s) { s.hidden = 0; }), {"model.hidden", "received 0"});
  expect_refused(cnn([](auto& s) { s.classes = 0; }), {"model.classes", "received 0"});
}

}  // namespace
}  // namespace steepest::trainer
