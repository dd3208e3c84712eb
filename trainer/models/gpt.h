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
  // Makes the linear maps, empty: one for q, k and v under fused_qkv, else three; and the output's.
  Attention(const GptSpec& spec, at::Device device);
  // Returns the causal self-attention of x; x and the result are [rows, length, width]. `pass` has
  // the rotary table and the dropout of this forward pass.
  at::Tensor forward(const at::Tensor& x, Pass& pass) const;

 private:
  // Causal attention of q, k, v [rows, length, heads, head width], with what comes before it (the
  // norm and the rotation of q and k) and after it (output projection, dropout): the result is
  // [rows, length, width].
  at::Tensor attend(at::Tensor q, at::Tensor k, at::Tensor v, Pass& pass) const;
  int64_t heads_;
  double scale_;
  bool qk_norm_;
  std::shared_ptr<Linear> qkv, query, key, value, output;  // qkv, or the three
};

struct FeedForward : torch::nn::Module {
  // Makes the linear maps, empty, with mlp_width inner units; `gate` for swiglu alone.
  FeedForward(const GptSpec& spec, at::Device device);
  // down(activation(up x)), of swiglu down(silu(gate x) * up x). x and the result are [rows,
  // length, width].
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::string activation_;
  std::shared_ptr<Linear> up, gate, down;  // gate: of swiglu
};

struct GptBlock : torch::nn::Module {
  // Makes the parts of one block, with empty parameters.
  GptBlock(const GptSpec& spec, at::Device device);
  // Returns y + dropout(mlp(norm(y))) for y = x + attention(norm(x)). x and the result are [rows,
  // length, width].
  at::Tensor forward(const at::Tensor& x, Pass& pass) const;

 private:
  std::shared_ptr<Normalization> attention_norm, mlp_norm;
  std::shared_ptr<Attention> attention;
  std::shared_ptr<FeedForward> mlp;
};

struct Gpt : torch::nn::Module {
  // Makes the network of a valid spec, with empty parameters (initialize fills them), under the
  // names that state_dict has. A tied head has no weight of its own.
  Gpt(const GptSpec& spec, at::Device device);
  // Returns the logits z of the next tokens, [rows, length, vocab], from batch.inputs [rows,
  // length]; under a logit_cap c they are c z / sqrt(z^2 + c^2), which lies within +-c. Throws
  // std::invalid_argument for rows longer than the context.
  at::Tensor forward(const Batch& batch);
  // The most tokens that one row may have.
  int64_t context() const { return spec_.context; }

 private:
  // Returns the tokens' vectors [rows, length, width], with those of learned positions added, if
  // any.
  at::Tensor embed(const at::Tensor& tokens) const;
  GptSpec spec_;
  std::optional<Rotary> rotary_;
  std::shared_ptr<Embedding> token_embedding, position_embedding;
  std::vector<std::shared_ptr<GptBlock>> blocks_;
  std::shared_ptr<Normalization> final_norm;
  std::shared_ptr<Linear> head;
};

}  // namespace steepest::trainer
