// SPDX-License-Identifier: Apache-2.0
#include "trainer/models/cost.h"

namespace steepest::trainer {
namespace {

// A linear map of so many vectors, with its result kept.
PassCost linear(double vectors, double in, double out) {
  return {2 * vectors * in * out, vectors * out};
}

// A 3x3 convolution to so many pixels, with its result kept.
PassCost convolution(double pixels, double in, double out) { return linear(pixels, 9 * in, out); }

PassCost& operator+=(PassCost& a, const PassCost& b) {
  a.flops += b.flops, a.values += b.values;
  return a;
}

// One block: four maps of attention with scores and mixture of all pairs of tokens, two or three
// maps of the MLP. Beside the maps' results, the normalized input of both halves, queries and keys
// after the rotation, the mixture, and what comes of the hidden layer are kept.
PassCost gpt_block(const GptSpec& s, double tokens) {
  const auto width = static_cast<double>(s.width);
  const bool gated = s.activation == "swiglu";
  const double inner = s.mlp_width > 0 ? static_cast<double>(s.mlp_width)
                       : gated         ? static_cast<double>((s.width * 8 / 3 + 63) / 64 * 64)
                                       : 4 * width;
  PassCost cost;
  for (int i = 0; i < 4; ++i) cost += linear(tokens, width, width);
  for (int i = 0; i < (gated ? 2 : 1); ++i) cost += linear(tokens, width, inner);
  cost += linear(tokens, inner, width);
  cost += {4 * tokens * tokens * width, tokens * (5 * width + (gated ? 2 : 1) * inner)};
  return cost;
}

// All blocks and the head, whose probabilities are kept too.
PassCost gpt(const GptSpec& s, double tokens) {
  PassCost cost;
  for (int64_t i = 0; i < s.layers; ++i) cost += gpt_block(s, tokens);
  const auto width = static_cast<double>(s.width), vocab = static_cast<double>(s.vocab);
  cost += linear(tokens, width, vocab);
  cost.values += tokens * (2 * width + vocab);
  return cost;
}

// The hidden layers, each with what comes of it, and the head.
PassCost mlp(const MlpSpec& s) {
  PassCost cost;
  auto in = static_cast<double>(s.inputs);
  cost.values = in;
  for (const int64_t width : s.widths) {
    const auto out = static_cast<double>(width);
    cost += linear(1, in, out);
    cost.values += out;
    in = out;
  }
  cost += linear(1, in, static_cast<double>(s.classes));
  return cost;
}

// The blocks, whose maxima are a quarter of their pixels, and two linear maps.
PassCost cnn(const CnnSpec& s) {
  PassCost cost;
  double in = 3, side = static_cast<double>(s.side);
  cost.values = in * side * side;
  for (const int64_t channels : s.channels) {
    const auto out = static_cast<double>(channels);
    cost += convolution(side * side, in, out);
    side = static_cast<double>(static_cast<int64_t>(side) / 2);
    cost.values += 2 * out * side * side;
    in = out;
  }
  cost += linear(1, in * side * side, static_cast<double>(s.hidden));
  cost += linear(1, static_cast<double>(s.hidden), static_cast<double>(s.classes));
  return cost;
}

// The stem, two convolutions a block, each with what normalization and ReLU make of it, the head.
PassCost resnet(const ResnetSpec& s, int64_t side) {
  auto in = static_cast<double>(s.width);
  const auto pixels = [&] { return static_cast<double>(side * side); };
  PassCost cost = convolution(pixels(), 3, in);
  cost.values += (3 + in) * pixels();
  const int64_t per_stage = (s.depth - 2) / 6;
  for (int64_t i = 0; i < 3 * per_stage; ++i) {
    const bool halves = i > 0 && i % per_stage == 0;
    const double out = halves ? 2 * in : in;
    if (halves) side = (side + 1) / 2;
    cost += convolution(pixels(), in, out);
    cost += convolution(pixels(), out, out);
    cost.values += 3 * out * pixels();
    in = out;
  }
  cost += linear(1, in, static_cast<double>(s.classes));
  return cost;
}

// The whitening filters, then for each group a convolution before its maxima and one behind them,
// each with what normalization and gelu make of it.
PassCost airbench(const AirbenchSpec& s) {
  int64_t side = s.side - 1;
  const auto pixels = [&] { return static_cast<double>(side * side); };
  double in = 24;
  PassCost cost = linear(pixels(), 12, in);
  cost.values += 2 * in * pixels();
  for (const int64_t channels : s.channels) {
    const auto out = static_cast<double>(channels);
    cost += convolution(pixels(), in, out);
    side /= 2;
    cost += convolution(pixels(), out, out);
    cost.values += 5 * out * pixels();
    in = out;
  }
  cost += linear(1, in, static_cast<double>(s.classes));
  return cost;
}

}  // namespace

PassCost pass_cost(const ModelSpec& spec, int64_t tokens, int64_t side) {
  if (spec.kind == "gpt") return gpt(spec.gpt, static_cast<double>(tokens));
  if (spec.kind == "mlp") return mlp(spec.mlp);
  if (spec.kind == "cnn") return cnn(spec.cnn);
  if (spec.kind == "resnet") return resnet(spec.resnet, side);
  if (spec.kind == "airbench") return airbench(spec.airbench);
  return {};  // of a matrix: no rows pass through it
}

}  // namespace steepest::trainer
