// SPDX-License-Identifier: Apache-2.0
#include "trainer/models/airbench.h"

#include <ATen/ATen.h>

#include <array>

namespace steepest::trainer {
namespace {

constexpr int64_t patch = 2, channels_of_image = 3, patch_size = channels_of_image * patch * patch;

}  // namespace

at::Tensor whitening_filters(const at::Tensor& images) {
  constexpr double eps = 5e-4;
  const at::Tensor x = images.to(at::kDouble)
                           .unfold(2, patch, 1)
                           .unfold(3, patch, 1)
                           .permute({0, 2, 3, 1, 4, 5})
                           .reshape({-1, patch_size});
  const at::Tensor mean = x.t().matmul(x) / static_cast<double>(x.size(0));
  const auto [values, vectors] = at::linalg_eigh(mean);
  const at::Tensor filters = (vectors / (values + eps).sqrt()).t().flip(0);
  return at::cat({filters, -filters}).reshape({2 * patch_size, channels_of_image, patch, patch});
}

CenteredNorm::CenteredNorm(int64_t channels, at::Device device) {
  bias = register_parameter("bias", at::empty({channels}, device));
  running_mean = register_buffer("running_mean", at::zeros({channels}, device));
  running_var = register_buffer("running_var", at::ones({channels}, device));
}

at::Tensor CenteredNorm::forward(const at::Tensor& x) {
  constexpr double momentum = 0.4, eps = 1e-12;
  return at::batch_norm(x, {}, bias, running_mean, running_var, is_training(), momentum, eps,
                        /*cudnn_enabled=*/true);
}

Whitening::Whitening(at::Device device) {
  const std::array<int64_t, 4> shape{2 * patch_size, channels_of_image, patch, patch};
  weight = register_buffer("weight", at::zeros(shape, device));
  bias = register_parameter("bias", at::empty({2 * patch_size}, device));
}

at::Tensor Whitening::forward(const at::Tensor& x) const { return at::conv2d(x, weight, bias); }

AirbenchGroup::AirbenchGroup(int64_t in, int64_t out, at::Device device) {
  conv1 = register_module("conv1", std::make_shared<Convolution>(in, out, 1, device));
  norm1 = register_module("norm1", std::make_shared<CenteredNorm>(out, device));
  conv2 = register_module("conv2", std::make_shared<Convolution>(out, out, 1, device));
  norm2 = register_module("norm2", std::make_shared<CenteredNorm>(out, device));
}

at::Tensor AirbenchGroup::forward(const at::Tensor& x) const {
  const at::Tensor y = at::gelu(norm1->forward(at::max_pool2d(conv1->forward(x), 2)));
  return at::gelu(norm2->forward(conv2->forward(y)));
}

Airbench::Airbench(const AirbenchSpec& spec, at::Device device) {
  whiten = register_module("whiten", std::make_shared<Whitening>(device));
  auto groups = register_module("groups", std::make_shared<torch::nn::Module>());
  int64_t in = 2 * patch_size;
  for (size_t i = 0; i < spec.channels.size(); ++i) {
    groups_.push_back(groups->register_module(
        std::to_string(i), std::make_shared<AirbenchGroup>(in, spec.channels[i], device)));
    in = spec.channels[i];
  }
  head = register_module("head", std::make_shared<Linear>(in, spec.classes, false, device));
}

at::Tensor Airbench::forward(const Batch& batch) {
  at::Tensor x = at::gelu(whiten->forward(batch.inputs));
  for (const auto& group : groups_) x = group->forward(x);
  x = x.amax({2, 3});
  return head->forward(x) / static_cast<double>(x.size(1));
}

void Airbench::whiten_by(const at::Tensor& images) {
  const at::NoGradGuard no_grad;
  whiten->weight.copy_(whitening_filters(images));
}

}  // namespace steepest::trainer
