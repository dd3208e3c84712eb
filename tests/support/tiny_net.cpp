// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tiny_net.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include <set>

namespace steepest::test {
namespace {

constexpr int64_t kSamples = 6;

at::Tensor noise(at::IntArrayRef shape, at::Generator& generator) {
  return at::randn(shape, generator, at::kDouble);
}

Parts whole() {
  return [](const at::Tensor& t) { return std::vector<at::Tensor>{t}; };
}
Parts flattened() {
  return [](const at::Tensor& t) { return std::vector<at::Tensor>{t.view({t.size(0), -1})}; };
}
Parts rows(std::vector<int64_t> sizes) {
  return [sizes](const at::Tensor& t) { return t.split_with_sizes(sizes, 0); };
}
Parts stacked() {
  return [](const at::Tensor& t) { return t.unbind(0); };
}

at::Tensor loss_of(const std::vector<at::Tensor>& w, int step) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(1000 + static_cast<uint64_t>(step));
  const auto tokens = at::randint(0, 7, {kSamples}, generator, at::kLong);
  const auto target = noise({kSamples, 2}, generator) * 0.1 + 1;
  const auto& [mix, conv, fused, experts, embedding, bias, offset] =
      std::tie(w[0], w[1], w[2], w[3], w[4], w[5], w[6]);
  const auto x = embedding.index_select(0, tokens);
  const auto h = at::tanh(at::matmul(x, mix.t()) + bias);
  const auto parts = fused.split_with_sizes({3, 3, 1}, 0);
  const auto u = at::matmul(h, parts[0].t()), v = at::matmul(h, parts[1].t());
  const auto gate = 1 + at::matmul(h, parts[2].t());
  const auto z = at::tanh(u * v * gate +
                          at::tanh(at::matmul(u, experts[0].t())) * at::matmul(v, experts[1].t()));
  const auto y = at::matmul(at::cat({z, at::tanh(u)}, 1), conv.view({2, 6}).t()) + offset;
  auto loss = (y - target).square().mean();
  for (const auto& each : w) loss = loss + 0.01 * each.square().sum();
  return loss;
}

bool missing(const std::string& name, int step) {
  static const std::set<std::pair<int, std::string>> all = {
      {0, "experts"}, {0, "offset"}, {5, "conv"}, {6, "bias"}, {8, "fused"}, {8, "embedding"}};
  return all.count({step, name}) != 0;
}

}  // namespace

std::vector<Leaf> tiny_leaves(uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto make = [&](at::IntArrayRef shape) { return noise(shape, generator) * 0.6; };
  return {
      {"mix", make({4, 3}), Role::matrix, 0, {}, whole()},
      {"conv", make({2, 3, 2}), Role::matrix, 0, {}, flattened()},
      {"fused", make({7, 4}), Role::matrix, 1, {.split_sizes = {3, 3, 1}}, rows({3, 3, 1})},
      {"experts", make({2, 3, 3}), Role::matrix, 1, {.batch = true}, stacked()},
      {"embedding", make({7, 3}), Role::backup, 2, {}, whole()},
      {"bias", make({4}), Role::backup, 2, {}, whole()},
      {"offset", make({2}), Role::backup, 3, {}, whole()},
  };
}

Evaluation evaluate(const std::vector<at::Tensor>& weights, int step, bool with_missing) {
  static const auto names = tiny_leaves();
  std::vector<at::Tensor> leaves;
  for (const auto& w : weights) {
    leaves.push_back(w.detach().to(at::kDouble).clone().set_requires_grad(true));
  }
  at::AutoGradMode enable(true);
  const auto loss = loss_of(leaves, step);
  loss.backward();
  Evaluation out{loss.item<double>(), {}};
  for (size_t i = 0; i < leaves.size(); ++i) {
    const bool absent = with_missing && missing(names[i].name, step);
    out.grads.push_back(absent ? at::Tensor() : leaves[i].grad().to(weights[i].scalar_type()));
  }
  return out;
}

}  // namespace steepest::test
