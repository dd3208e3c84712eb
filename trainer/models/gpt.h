// SPDX-License-Identifier: Apache-2.0
// A decoder-only transformer:  x += attention(norm(x)),  x += mlp(norm(x)),  logits =
// head(norm(x)).
#pragma once

#include <optional>

#include "trainer/data/batch.h"
#include "trainer/models/layers.h"
#include "trainer/models/rotary.h"
#include "trainer/models/spec.h"

namespace steepest::trainer {

// What every block of one forward pass shares.
struct Pass {
  const Rotary* rotary;  // null under learned positions
  Dropout dropout;
};

struct Attention : torch::nn::Module {
  Attention(const GptSpec& spec, at::Device device);
  // x and the result are [rows, length, width].
  at::Tensor forward(const at::Tensor& x, Pass& pass) const;

 private:
  // Causal attention of q, k, v [rows, length, heads, head width] with what follows: the output
  // projection and dropout, [rows, length, width].
  at::Tensor attend(at::Tensor q, at::Tensor k, at::Tensor v, Pass& pass) const;
  int64_t heads_;
  double scale_;
  bool qk_norm_;
  std::shared_ptr<Linear> qkv, query, key, value, output;  // qkv, or the three
};

struct FeedForward : torch::nn::Module {
  FeedForward(const GptSpec& spec, at::Device device);
  // x and the result are [rows, length, width].
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::string activation_;
  std::shared_ptr<Linear> up, gate, down;  // gate: of swiglu
};

struct GptBlock : torch::nn::Module {
  GptBlock(const GptSpec& spec, at::Device device);
  // x and the result are [rows, length, width].
  at::Tensor forward(const at::Tensor& x, Pass& pass) const;

 private:
  std::shared_ptr<Normalization> attention_norm, mlp_norm;
  std::shared_ptr<Attention> attention;
  std::shared_ptr<FeedForward> mlp;
};

struct Gpt : torch::nn::Module {
  Gpt(const GptSpec& spec, at::Device device);
  // The logits of the next tokens, [rows, length, vocab].
  at::Tensor forward(const Batch& batch);
  int64_t context() const { return spec_.context; }

 private:
  // The tokens' vectors [rows, length, width], with those of learned positions.
  at::Tensor embed(const at::Tensor& tokens) const;
  GptSpec spec_;
  std::optional<Rotary> rotary_;
  std::shared_ptr<Embedding> token_embedding, position_embedding;
  std::vector<std::shared_ptr<GptBlock>> blocks_;
  std::shared_ptr<Normalization> final_norm;
  std::shared_ptr<Linear> head;
};

}  // namespace steepest::trainer
