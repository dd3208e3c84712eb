// SPDX-License-Identifier: Apache-2.0
// The models' choices as plain fields, to be filled from a run file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace steepest::trainer {

struct GptSpec {
  int64_t vocab = 256, context = 128;
  int64_t layers = 4, heads = 4, width = 128;
  int64_t mlp_width = 0;  // 0: 4 width; for swiglu 8/3 width, rounded up to a multiple of 64
  std::string positions = "rotary";   // "rotary", "learned"
  std::string normalization = "rms";  // "rms", "layer"
  std::string activation = "relu2";   // "gelu" (tanh form), "relu2", "swiglu"
  bool qk_norm = true;                // root-mean-square, without gains, before the rotation
  bool tied = false;                  // the head is the token embedding
  bool fused_qkv = false;             // one weight [3 width, width] in place of three
  bool biases = false;                // of all linear maps but the head, and of "layer"
  double dropout = 0;
  double rotary_base = 10000;
  double rotary_fraction = 1;  // of the frequencies; the slowest others do not turn
  double attention_scale = 0;  // 0: 1 / sqrt(width / heads)
  double logit_cap = 0;        // > 0: logits c z / sqrt(z^2 + c^2)
  std::string init = "gpt2";   // see init.h: "torch", "gpt2", "zero_proj"
};

struct MlpSpec {
  std::vector<int64_t> widths = {512};  // of the hidden layers
  int64_t inputs = 3 * 32 * 32, classes = 10;
  double dropout = 0;
};

struct CnnSpec {
  std::vector<int64_t> channels = {32, 64};  // one block each: 3x3 convolution, 2x2 maximum, GELU
  int64_t hidden = 128;                      // between the two linear maps
  int64_t side = 32, classes = 10;
  double dropout = 0.25;  // before each linear map
};

struct ResnetSpec {
  int64_t depth = 20;  // 6n + 2 layers: a stem, three stages of n blocks of two, a head
  int64_t width = 16;  // channels of the first stage; each next one has twice as many
  int64_t classes = 10;
};

struct AirbenchSpec {
  std::vector<int64_t> channels = {64, 256, 256};  // of each group of two convolutions
  int64_t side = 32, classes = 10;
};

struct MatrixSpec {
  int64_t size = 500;    // rows and columns of the one matrix
  uint64_t problem = 0;  // which M and N are drawn
  double noise = 0;      // deviation of an entry of the gradient of one row of the batch
};

struct ModelSpec {
  std::string kind = "gpt";  // see model_kinds()
  GptSpec gpt;
  MlpSpec mlp;
  CnnSpec cnn;
  ResnetSpec resnet;
  AirbenchSpec airbench;
  MatrixSpec matrix;
  std::optional<double>
      label_smoothing;           // in training: the part of a target that all classes share
  std::optional<int64_t> views;  // of an image, out of training: see views.h; unset: 1
};

// What ModelSpec::kind may be: "gpt", "mlp", "cnn", "resnet", "airbench", "matrix".
std::vector<std::string> model_kinds();

// Throws std::invalid_argument, with key, received and allowed, for the first choice that cannot be
// built.
void validate(const ModelSpec& spec);

// Ready-made sizes of GptSpec: "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl" (as published:
// learned positions, "layer", gelu, fused_qkv, biases, tied) and "tiny". Throws
// std::invalid_argument for other names.
GptSpec gpt_preset(const std::string& name);

}  // namespace steepest::trainer
