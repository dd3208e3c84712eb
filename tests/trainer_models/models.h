// SPDX-License-Identifier: Apache-2.0
// Small models and batches for them.
#pragma once

#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "trainer/models/generator.h"
#include "trainer/models/model.h"

namespace steepest::trainer::test {

inline GptSpec small() {
  return {.vocab = 31, .context = 12, .layers = 2, .heads = 2, .width = 16};
}

inline GptSpec changed(const std::function<void(GptSpec&)>& change) {
  GptSpec spec = small();
  change(spec);
  return spec;
}

// Every choice of the transformer, alone and in mixtures.
inline std::map<std::string, GptSpec> variants() {
  return {{"small", small()},
          {"learned", changed([](auto& s) { s.positions = "learned"; })},
          {"layer", changed([](auto& s) { s.normalization = "layer"; })},
          {"gelu", changed([](auto& s) { s.activation = "gelu"; })},
          {"swiglu", changed([](auto& s) { s.activation = "swiglu"; })},
          {"no qk_norm", changed([](auto& s) { s.qk_norm = false; })},
          {"tied", changed([](auto& s) { s.tied = true; })},
          {"fused", changed([](auto& s) { s.fused_qkv = true; })},
          {"biases", changed([](auto& s) { s.biases = true; })},
          {"half rotary", changed([](auto& s) { s.rotary_fraction = 0.5; })},
          {"rotary base", changed([](auto& s) { s.rotary_base = 100; })},
          {"scale", changed([](auto& s) { s.attention_scale = 1; })},
          {"cap", changed([](auto& s) { s.logit_cap = 0.5; })},
          {"as published", changed([](auto& s) {
             s.positions = "learned", s.normalization = "layer", s.activation = "gelu";
             s.qk_norm = false, s.tied = s.fused_qkv = s.biases = true;
           })}};
}

inline std::unique_ptr<Model> make(const GptSpec& gpt, uint64_t seed = 1) {
  ModelSpec spec;
  spec.gpt = gpt;
  return make_model(spec, seed);
}

inline Batch tokens(const GptSpec& spec, int64_t rows = 3, uint64_t seed = 1) {
  at::Generator random = make_generator(at::kCPU, seed);
  const at::Tensor drawn =
      at::randint(0, spec.vocab, {rows, spec.context + 1}, random, at::TensorOptions(at::kLong));
  return {drawn.narrow(1, 0, spec.context).contiguous(),
          drawn.narrow(1, 1, spec.context).contiguous(), seed};
}

inline Batch images(int64_t rows, uint64_t seed = 1) {
  at::Generator random = make_generator(at::kCPU, seed);
  return {at::randn({rows, 3, 32, 32}, random, at::TensorOptions(at::kFloat)),
          at::randint(0, 10, {rows}, random, at::TensorOptions(at::kLong)), seed};
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>();
}

inline at::Tensor parameter(Model& model, const std::string& name) {
  for (const auto& p : model.parameters())
    if (p.name == name) return p.tensor;
  ADD_FAILURE() << "no parameter " << name;
  return {};
}

// A model whose parameters are far from any symmetric start: gains and biases are not 1 and 0.
inline std::unique_ptr<Model> scattered(const GptSpec& spec) {
  auto model = make(spec);
  at::Generator random = make_generator(at::kCPU, 99);
  for (auto& p : model->parameters())
    p.tensor.detach().normal_(p.kind == "gain" ? 1 : 0, 0.2, random);
  return model;
}

}  // namespace steepest::trainer::test
