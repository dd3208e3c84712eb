// SPDX-License-Identifier: Apache-2.0
#include "trainer/models/generate.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace steepest::trainer {
namespace {

// Draws the next token from its logits [vocab], among the top_k likeliest (and those as likely as
// the last of them) where that is set; at temperature 0 it is the likeliest.
int64_t draw_token(at::Tensor logits, const Sampling& sampling, at::Generator& generator) {
  if (sampling.temperature == 0) return logits.argmax().item<int64_t>();
  logits = logits / sampling.temperature;
  if (sampling.top_k > 0 && sampling.top_k < logits.size(0)) {
    const at::Tensor least = std::get<0>(logits.topk(sampling.top_k))[-1];
    logits = logits.masked_fill(logits < least, -std::numeric_limits<double>::infinity());
  }
  return at::multinomial(logits.softmax(0), 1, false, generator).item<int64_t>();
}

// Throws std::invalid_argument for what generate() cannot use: a model of images, an empty prompt,
// a token beyond the vocabulary, or a temperature that is negative or not finite.
void check_arguments(const Model& model, const std::vector<int64_t>& prompt,
                     const Sampling& sampling) {
  if (model.context() == 0)
    throw std::invalid_argument("generate: received an image model, allowed a gpt");
  if (prompt.empty())
    throw std::invalid_argument("generate: received an empty prompt, allowed 1 token or more");
  for (const int64_t token : prompt)
    if (token < 0 || token >= model.classes())
      throw std::invalid_argument("generate: received token " + std::to_string(token) +
                                  ", allowed 0.." + std::to_string(model.classes() - 1));
  if (!(sampling.temperature >= 0 && std::isfinite(sampling.temperature)))
    throw std::invalid_argument("generate: received temperature " +
                                std::to_string(sampling.temperature) +
                                ", allowed a finite number from 0");
}

}  // namespace

std::vector<int64_t> generate(Model& model, std::vector<int64_t> prompt, int64_t n,
                              const Sampling& sampling, at::Generator generator) {
  check_arguments(model, prompt, sampling);
  const at::NoGradGuard no_grad;
  const bool was_training = model.is_training();
  const at::Device device = model.parameters().front().tensor.device();
  model.train(false);
  const size_t begin = prompt.size();
  for (int64_t i = 0; i < n; ++i) {
    const auto seen = std::min(static_cast<int64_t>(prompt.size()), model.context());
    const at::Tensor tokens = at::from_blob(&*(prompt.end() - seen), {1, seen}, at::kLong);
    // A copy, as the memory of the prompt moves when it grows.
    const at::Tensor logits = model.logits({tokens.to(device, at::kLong, false, true), {}});
    prompt.push_back(draw_token(logits[0][-1].to(at::kCPU, at::kFloat), sampling, generator));
  }
  model.train(was_training);
  return {prompt.begin() + static_cast<std::ptrdiff_t>(begin), prompt.end()};
}

}  // namespace steepest::trainer
