// SPDX-License-Identifier: Apache-2.0
// The transformer's blocks. Activations are [rows, length, width], heads split as a fourth
// dimension.
#include "trainer/models/gpt.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace steepest::trainer {
namespace {

// The width between the linear maps of the MLP: the spec's own or, where that is 0, 4 times the
// model's; for swiglu 8/3 of it, rounded up to a multiple of 64.
int64_t mlp_width(const GptSpec& spec) {
  if (spec.mlp_width > 0) return spec.mlp_width;
  // swiglu has three matrices: 8/3 of the width keeps the number of parameters.
  return spec.activation == "swiglu" ? (spec.width * 8 / 3 + 63) / 64 * 64 : 4 * spec.width;
}

// Causal attention as scaled_dot_product_attention, but with dropout whose mask follows from the
// batch's seed (torch's own draws from the global generator). q, k, v and the result are [rows,
// heads, length, head width]; `scale` multiplies the products q k^T.
at::Tensor attention_with_dropout(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  double scale, Dropout& dropout) {
  const at::Tensor later = at::ones({q.size(2), q.size(2)}, q.options().dtype(at::kBool)).triu(1);
  const at::Tensor scores = (q.matmul(k.transpose(2, 3)) * scale)
                                .masked_fill(later, -std::numeric_limits<double>::infinity());
  return dropout(scores.softmax(-1)).matmul(v);
}

// Throws std::invalid_argument unless the tokens are [rows, 1..context].
void check_tokens(const at::Tensor& tokens, int64_t context) {
  if (tokens.dim() != 2 || tokens.size(1) < 1 || tokens.size(1) > context)
    throw std::invalid_argument("gpt: received tokens of shape " + c10::str(tokens.sizes()) +
                                ", allowed [rows, 1.." + std::to_string(context) + "]");
}

}  // namespace

Attention::Attention(const GptSpec& spec, at::Device device)
    : heads_(spec.heads),
      scale_(spec.attention_scale > 0
                 ? spec.attention_scale
                 : 1 / std::sqrt(static_cast<double>(spec.width / spec.heads))),
      qk_norm_(spec.qk_norm) {
  const auto linear = [&](const char* name, int64_t out) {
    return register_module(name, std::make_shared<Linear>(spec.width, out, spec.biases, device));
  };
  if (spec.fused_qkv) {
    qkv = linear("qkv", 3 * spec.width);
  } else {
    query = linear("query", spec.width);
    key = linear("key", spec.width);
    value = linear("value", spec.width);
  }
  output = linear("output", spec.width);
}

at::Tensor Attention::forward(const at::Tensor& x, Pass& pass) const {
  const auto split = [&](const at::Tensor& y) {
    return y.unflatten(2, {heads_, y.size(2) / heads_});  // [rows, length, heads, head width]
  };
  if (!qkv)
    return attend(split(query->forward(x)), split(key->forward(x)), split(value->forward(x)), pass);
  const auto parts = qkv->forward(x).chunk(3, 2);
  return attend(split(parts[0]), split(parts[1]), split(parts[2]), pass);
}

at::Tensor Attention::attend(at::Tensor q, at::Tensor k, at::Tensor v, Pass& pass) const {
  if (qk_norm_) q = rms_normalized(q), k = rms_normalized(k);
  if (pass.rotary) q = (*pass.rotary)(q), k = (*pass.rotary)(k);
  // Under autocast the norm may have left float32.
  q = q.to(v.scalar_type()).transpose(1, 2);
  k = k.to(v.scalar_type()).transpose(1, 2);
  v = v.transpose(1, 2);
  const at::Tensor mixed =
      pass.dropout.active()
          ? attention_with_dropout(q, k, v, scale_, pass.dropout)
          : at::scaled_dot_product_attention(q, k, v, {}, 0., /*is_causal=*/true, scale_);
  return pass.dropout(output->forward(mixed.transpose(1, 2).flatten(2)));
}

FeedForward::FeedForward(const GptSpec& spec, at::Device device) : activation_(spec.activation) {
  const int64_t inner = mlp_width(spec);
  const auto linear = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, std::make_shared<Linear>(in, out, spec.biases, device));
  };
  if (activation_ == "swiglu") gate = linear("gate", spec.width, inner);
  up = linear("up", spec.width, inner);
  down = linear("down", inner, spec.width);
}

at::Tensor FeedForward::forward(const at::Tensor& x) const {
  if (activation_ == "swiglu") return down->forward(at::silu(gate->forward(x)) * up->forward(x));
  const at::Tensor h = up->forward(x);
  return down->forward(activation_ == "gelu" ? at::gelu(h, "tanh") : squared_relu(h));
}

GptBlock::GptBlock(const GptSpec& spec, at::Device device) {
  const auto norm = [&](const char* name) {
    return register_module(
        name, std::make_shared<Normalization>(spec.normalization, spec.width, spec.biases, device));
  };
  attention_norm = norm("attention_norm");
  attention = register_module("attention", std::make_shared<Attention>(spec, device));
  mlp_norm = norm("mlp_norm");
  mlp = register_module("mlp", std::make_shared<FeedForward>(spec, device));
}

at::Tensor GptBlock::forward(const at::Tensor& x, Pass& pass) const {
  const at::Tensor y = x + attention->forward(attention_norm->forward(x), pass);
  return y + pass.dropout(mlp->forward(mlp_norm->forward(y)));
}

Gpt::Gpt(const GptSpec& spec, at::Device device) : spec_(spec) {
  const auto embedding = [&](const char* name, int64_t entries) {
    return register_module(name, std::make_shared<Embedding>(entries, spec.width, device));
  };
  token_embedding = embedding("token_embedding", spec.vocab);
  if (spec.positions == "learned")
    position_embedding = embedding("position_embedding", spec.context);
  else
    rotary_.emplace(spec.context, spec.width / spec.heads, spec.rotary_base, spec.rotary_fraction,
                    device);
  auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < spec.layers; ++i)
    blocks_.push_back(
        blocks->register_module(std::to_string(i), std::make_shared<GptBlock>(spec, device)));
  final_norm = register_module(
      "final_norm",
      std::make_shared<Normalization>(spec.normalization, spec.width, spec.biases, device));
  if (!spec.tied)
    head = register_module("head", std::make_shared<Linear>(spec.width, spec.vocab, false, device));
}

at::Tensor Gpt::embed(const at::Tensor& tokens) const {
  const at::Tensor x = token_embedding->forward(tokens);
  if (!position_embedding) return x;
  return x + position_embedding->forward(at::arange(tokens.size(1), tokens.options()));
}

at::Tensor Gpt::forward(const Batch& batch) {
  check_tokens(batch.inputs, spec_.context);
  if (rotary_) rotary_->to(batch.inputs.device());  // the table is no parameter: it follows here
  Pass pass{rotary_ ? &*rotary_ : nullptr, Dropout(spec_.dropout, is_training(), batch.seed)};
  at::Tensor x = pass.dropout(embed(batch.inputs));
  for (const auto& block : blocks_) x = block->forward(x, pass);
  x = final_norm->forward(x);
  const at::Tensor z = head ? head->forward(x) : at::linear(x, token_embedding->weight);
  if (spec_.logit_cap == 0) return z;
  return z * at::rsqrt(z.square() + spec_.logit_cap * spec_.logit_cap) * spec_.logit_cap;
}

}  // namespace steepest::trainer
