// SPDX-License-Identifier: Apache-2.0
// Checks of the models' choices, and the published sizes.
#include "trainer/models/spec.h"

#include "trainer/models/views.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace steepest::trainer {
namespace {

// Throws std::invalid_argument whose message has the key of [model], what was received and what is
// allowed.
template <class Value, class Allowed>
[[noreturn]] void refuse(const std::string& key, const Value& received, const Allowed& allowed) {
  std::ostringstream text;
  text << "model." << key << ": received " << received << ", allowed " << allowed;
  throw std::invalid_argument(text.str());
}

// Throws std::invalid_argument unless the size under `key` is from 1 to 1000000.
void check_size(const std::string& key, int64_t value) {
  if (value < 1 || value > 1'000'000) refuse(key, value, "1..1000000");
}

// Throws std::invalid_argument unless the rate of dropout is from 0 to below 1.
void check_dropout(double value) {
  if (!(value >= 0 && value < 1)) refuse("dropout", value, "0 <= dropout < 1");
}

// Throws std::invalid_argument unless the value under `key` is one of `all`.
void check_choice(const std::string& key, const std::string& value,
                  const std::vector<std::string>& all) {
  if (std::find(all.begin(), all.end(), value) != all.end()) return;
  std::string allowed;
  for (const auto& one : all) allowed += (allowed.empty() ? "" : ", ") + one;
  refuse(key, "'" + value + "'", allowed);
}

// Throws std::invalid_argument unless the number of heads divides the width and, under rotary
// positions, leaves each head an even width, whose entries turn in pairs.
void check_heads(const GptSpec& spec) {
  if (spec.width % spec.heads != 0)
    refuse("heads", spec.heads, "a divisor of model.width = " + std::to_string(spec.width));
  if (spec.positions == "rotary" && spec.width / spec.heads % 2 != 0)
    refuse("heads", spec.heads, "an even width / heads under rotary positions");
}

// Throws std::invalid_argument for the first choice that no Gpt can be built with.
void validate_gpt(const GptSpec& spec) {
  check_size("vocab", spec.vocab);
  check_size("context", spec.context);
  check_size("layers", spec.layers);
  check_size("heads", spec.heads);
  check_size("width", spec.width);
  if (spec.mlp_width != 0) check_size("mlp_width", spec.mlp_width);
  check_choice("positions", spec.positions, {"rotary", "learned"});
  check_choice("normalization", spec.normalization, {"rms", "layer"});
  check_choice("activation", spec.activation, {"gelu", "relu2", "swiglu"});
  check_choice("init", spec.init, {"torch", "gpt2", "zero_proj"});
  check_dropout(spec.dropout);
  check_heads(spec);
  if (spec.tied && spec.init == "zero_proj")
    refuse("init", "'zero_proj'",
           "torch, gpt2 with a tied head (a zero head would be no embedding)");
  if (!(spec.rotary_base > 1 && spec.rotary_base < 1e12))
    refuse("rotary_base", spec.rotary_base, "above 1 and below 1e12");
  if (!(spec.rotary_fraction > 0 && spec.rotary_fraction <= 1))
    refuse("rotary_fraction", spec.rotary_fraction, "0 < rotary_fraction <= 1");
  if (!(spec.attention_scale >= 0 && spec.attention_scale < 1e6))
    refuse("attention_scale", spec.attention_scale, "0 (1 / sqrt(width / heads)) or more");
  if (!(spec.logit_cap >= 0 && spec.logit_cap < 1e6))
    refuse("logit_cap", spec.logit_cap, "0 (none) or more");
}

// Throws std::invalid_argument for the first choice that no Mlp can be built with.
void validate_mlp(const MlpSpec& spec) {
  for (const int64_t width : spec.widths) check_size("widths", width);
  check_size("inputs", spec.inputs);
  check_size("classes", spec.classes);
  check_dropout(spec.dropout);
}

// Throws std::invalid_argument for the first choice that no Cnn can be built with: each of its
// blocks halves the side of the image, which must stay 1 or more.
void validate_cnn(const CnnSpec& spec) {
  for (const int64_t channels : spec.channels) check_size("channels", channels);
  check_size("hidden", spec.hidden);
  check_size("classes", spec.classes);
  check_size("side", spec.side);
  check_dropout(spec.dropout);
  if (spec.channels.size() > 20 || spec.side >> spec.channels.size() == 0)
    refuse("channels", std::to_string(spec.channels.size()) + " blocks",
           "as many as data.side = " + std::to_string(spec.side) + " can be halved");
}

// Throws std::invalid_argument for the first choice that no Resnet can be built with.
void validate_resnet(const ResnetSpec& spec) {
  check_size("width", spec.width);
  check_size("classes", spec.classes);
  if (spec.depth < 8 || spec.depth > 1202 || spec.depth % 6 != 2)
    refuse("depth", spec.depth, "6 n + 2 from 8 to 1202: 8, 14, 20, ..");
}

// Throws std::invalid_argument for the first choice that no Airbench can be built with: the first
// filters take one pixel of the side, and each group halves what is left, which must stay 1 or
// more.
void validate_airbench(const AirbenchSpec& spec) {
  for (const int64_t channels : spec.channels) check_size("channels", channels);
  check_size("classes", spec.classes);
  check_size("side", spec.side);
  if (spec.channels.empty() || spec.channels.size() > 20 ||
      (spec.side - 1) >> spec.channels.size() == 0)
    refuse("channels", std::to_string(spec.channels.size()) + " groups",
           "1 or more, as many as data.side - 1 = " + std::to_string(spec.side - 1) +
               " can be halved");
}

// Throws std::invalid_argument for the first choice that no Matrix can be built with.
void validate_matrix(const MatrixSpec& spec) {
  check_size("size", spec.size);
  if (!(spec.noise >= 0 && spec.noise < 1e6)) refuse("noise", spec.noise, "0 (none) or more");
}

// The spec of a GPT-2 of this size as it was published.
GptSpec published_gpt2(int64_t layers, int64_t heads, int64_t width) {
  GptSpec spec{.vocab = 50257, .context = 1024, .layers = layers, .heads = heads, .width = width};
  spec.positions = "learned";
  spec.normalization = "layer";
  spec.activation = "gelu";
  spec.qk_norm = false;
  spec.tied = spec.fused_qkv = spec.biases = true;
  return spec;
}

}  // namespace

std::vector<std::string> model_kinds() {
  return {"gpt", "mlp", "cnn", "resnet", "airbench", "matrix"};
}

void validate(const ModelSpec& spec) {
  check_choice("kind", spec.kind, model_kinds());
  if (spec.kind == "gpt") validate_gpt(spec.gpt);
  if (spec.kind == "mlp") validate_mlp(spec.mlp);
  if (spec.kind == "cnn") validate_cnn(spec.cnn);
  if (spec.kind == "resnet") validate_resnet(spec.resnet);
  if (spec.kind == "airbench") validate_airbench(spec.airbench);
  if (spec.kind == "matrix") validate_matrix(spec.matrix);
  const double smoothing = spec.label_smoothing.value_or(0);
  if (!(smoothing >= 0 && smoothing < 1))
    refuse("label_smoothing", smoothing, "0 <= label_smoothing < 1");
  check_views(spec.views.value_or(1));
}

GptSpec gpt_preset(const std::string& name) {
  if (name == "tiny") return {};
  if (name == "gpt2") return published_gpt2(12, 12, 768);
  if (name == "gpt2-medium") return published_gpt2(24, 16, 1024);
  if (name == "gpt2-large") return published_gpt2(36, 20, 1280);
  if (name == "gpt2-xl") return published_gpt2(48, 25, 1600);
  refuse("preset", "'" + name + "'", "tiny, gpt2, gpt2-medium, gpt2-large, gpt2-xl");
}

}  // namespace steepest::trainer
