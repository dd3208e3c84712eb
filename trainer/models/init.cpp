// SPDX-License-Identifier: Apache-2.0
#include "trainer/models/init.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "trainer/data/counter.h"
#include "trainer/models/generator.h"

namespace steepest::trainer {
namespace {

// Whether `part` occurs anywhere in the name.
bool contains(const std::string& name, const char* part) {
  return name.find(part) != std::string::npos;
}

// Whether a parameter belongs to a linear map whose result is added to the residual stream.
bool projects_into_residual(const std::string& name) {
  return contains(name, ".attention.output.") || contains(name, ".mlp.down.");
}

// How many inputs each output of a weight [out, ..] reads.
double fan_in(const at::Tensor& weight) {
  return static_cast<double>(weight.numel()) / static_cast<double>(weight.size(0));
}

// Fills a weight or an embedding `p` of this name by the rule "gpt2": normal with deviation .02,
// but .02 / sqrt(2 layers) for what is added to the residual stream, so that the sum of all layers
// does not grow with their number.
void fill_gpt2(const std::string& name, at::Tensor& p, const Init& init, at::Generator& random) {
  const double scale =
      projects_into_residual(name) ? 1 / std::sqrt(2 * static_cast<double>(init.layers)) : 1;
  p.normal_(0, .02 * scale, random);
}

// The deviation of the rules "kaiming" and "normal" for a weight `p`.
double deviation_of(const std::string& rule, const at::Tensor& p) {
  return rule == "kaiming" ? std::sqrt(2 / fan_in(p)) : 0.1;
}

// Fills a weight or an embedding `p` of this name by the rule "torch": an embedding N(0, 1), unless
// it is the head too, and all else uniform within +-1/sqrt(fan_in). By "zero_proj" the head and
// what projects into the residual stream are 0 instead.
void fill_uniform(const std::string& name, at::Tensor& p, const Init& init, at::Generator& random) {
  const bool zero =
      init.rule == "zero_proj" && (projects_into_residual(name) || contains(name, "head."));
  const bool as_head = init.tied && contains(name, "token_embedding.");
  const double bound = 1 / std::sqrt(fan_in(p));
  if (zero)
    p.zero_();
  else if (contains(name, "embedding.") && !as_head)
    p.normal_(0, 1, random);
  else
    p.uniform_(-bound, bound, random);
}

// Fills a convolution's weight or the head by the rule "airbench".
void fill_airbench(at::Tensor& p, at::Generator& random) {
  const double bound = 1 / std::sqrt(fan_in(p));
  p.uniform_(-bound, bound, random);
  if (p.dim() == 2) {
    p.div_(p.std());
    return;
  }
  const int64_t passed = std::min(p.size(0), p.size(1));
  p.narrow(0, 0, passed).zero_();
  p.select(3, p.size(3) / 2).select(2, p.size(2) / 2).narrow(0, 0, passed).fill_diagonal_(1);
  p.mul_(p.norm().reciprocal() * std::sqrt(static_cast<double>(p.size(0))));
}

// Fills a bias `p`: by the rule "torch" uniform within +-1/sqrt(fan_in) of its layer's `weight`,
// else with 0. A `weight` of one dimension is a normalization's gain, whose bias begins at 0.
void fill_bias(at::Tensor& p, const at::Tensor& weight, const Init& init, at::Generator& random) {
  const double bound = 1 / std::sqrt(fan_in(weight));
  if (init.rule == "torch" && weight.dim() > 1)
    p.uniform_(-bound, bound, random);
  else
    p.zero_();
}

// The seed from which the parameter of this name is drawn in a run of this seed.
uint64_t seed_of(const std::string& name, uint64_t run_seed) {
  return hash_words(run_seed,
                    hash_bytes({reinterpret_cast<const uint8_t*>(name.data()), name.size()}));
}

}  // namespace

void initialize(torch::nn::Module& module, const Init& init) {
  const at::NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  for (const auto& item : parameters) {
    const std::string& name = item.key();
    at::Tensor p = item.value();
    at::Generator random = make_generator(at::kCPU, seed_of(name, init.seed));
    if (name == "whiten.bias")  // its weight is no parameter
      p.uniform_(-1 / std::sqrt(12.0), 1 / std::sqrt(12.0), random);
    else if (init.rule == "airbench" && p.dim() == 1)
      p.zero_();
    else if (init.rule == "airbench")
      fill_airbench(p, random);
    else if (name.ends_with("bias"))
      fill_bias(p, parameters[name.substr(0, name.size() - 4) + "weight"], init, random);
    else if (p.dim() == 1)
      p.fill_(1);
    else if (init.rule == "gpt2")
      fill_gpt2(name, p, init, random);
    else if (init.rule == "kaiming" || init.rule == "normal")
      p.normal_(0, deviation_of(init.rule, p), random);
    else
      fill_uniform(name, p, init, random);
  }
}

}  // namespace steepest::trainer
