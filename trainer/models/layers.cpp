// SPDX-License-Identifier: Apache-2.0
// Linear maps, embeddings, normalisation and dropout.
#include "trainer/models/layers.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rms_norm.h>
#include <torch/csrc/autograd/custom_function.h>

#include "trainer/data/counter.h"
#include "trainer/models/generator.h"

namespace steepest::trainer {
namespace {

// Keeps max(x, 0) alone, and half the passes over memory of relu and square one after the other.
struct SquaredRelu : torch::autograd::Function<SquaredRelu> {
  // Returns max(x, 0)^2 elementwise, called by apply(); keeps max(x, 0), which is all that the
  // gradient needs.
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x) {
    const at::Tensor positive = at::relu(x);
    context->save_for_backward({positive});
    return positive.square();
  }
  // Returns the gradient for x, from that for the result, called by autograd: d max(x, 0)^2 = 2
  // max(x, 0) dx.
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               torch::autograd::tensor_list gradient) {
    return {(gradient[0] * context->get_saved_variables()[0]).mul_(2)};
  }
};

}  // namespace

Linear::Linear(int64_t in, int64_t out, bool with_bias, at::Device device) {
  weight = register_parameter("weight", at::empty({out, in}, device));
  if (with_bias) bias = register_parameter("bias", at::empty({out}, device));
}

at::Tensor Linear::forward(const at::Tensor& x) const { return at::linear(x, weight, bias); }

Embedding::Embedding(int64_t entries, int64_t width, at::Device device) {
  weight = register_parameter("weight", at::empty({entries, width}, device));
}

at::Tensor Embedding::forward(const at::Tensor& index) const {
  return at::embedding(weight, index);
}

Normalization::Normalization(const std::string& kind, int64_t width, bool with_bias,
                             at::Device device)
    : centered(kind == "layer") {
  weight = register_parameter("weight", at::empty({width}, device));
  if (centered && with_bias) bias = register_parameter("bias", at::empty({width}, device));
}

// Returns x [.., width] normalized over its last dimension, times the gain: by layer_norm, plus the
// bias if any, with the eps 1e-5 of torch's LayerNorm, or by rms_normalized.
at::Tensor Normalization::forward(const at::Tensor& x) const {
  return centered ? at::layer_norm(x, {x.size(-1)}, weight, bias, 1e-5) : rms_normalized(x, weight);
}

at::Tensor rms_normalized(const at::Tensor& x, const at::Tensor& gain) {
  const auto given = gain.defined() ? std::optional<at::Tensor>(gain) : std::nullopt;
  return at::rms_norm(x, {x.size(-1)}, given, 1e-6);
}

at::Tensor squared_relu(const at::Tensor& x) { return SquaredRelu::apply(x); }

at::Tensor Dropout::operator()(const at::Tensor& x) {
  if (!active()) return x;
  at::Generator generator = make_generator(x.device(), hash_words(seed_, count_++));
  const at::Tensor kept = at::empty_like(x).bernoulli_(1 - rate_, generator);
  return x * kept.div_(1 - rate_);
}

}  // namespace steepest::trainer
