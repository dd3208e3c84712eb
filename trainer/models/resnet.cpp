// SPDX-License-Identifier: Apache-2.0
// The residual network. Activations are [rows, channels, side, side].
#include "trainer/models/resnet.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>

#include <array>

namespace steepest::trainer {
namespace {

// The shortcut of option A: x itself, or every `stride`-th pixel of it with channels of zeros added
// on either side, up to `channels` in all.
at::Tensor shortcut(const at::Tensor& x, int64_t stride, int64_t channels) {
  const int64_t added = channels - x.size(1);
  const at::Tensor kept =
      stride == 1 ? x : x.slice(2, 0, x.size(2), stride).slice(3, 0, x.size(3), stride);
  if (added == 0) return kept;
  return at::constant_pad_nd(kept, {0, 0, 0, 0, added / 2, added - added / 2});
}

}  // namespace

Convolution::Convolution(int64_t in, int64_t out, int64_t stride, at::Device device)
    : stride_(stride) {
  weight = register_parameter("weight", at::empty({out, in, 3, 3}, device));
}

at::Tensor Convolution::forward(const at::Tensor& x) const {
  const std::array<int64_t, 2> stride{stride_, stride_}, padding{1, 1};
  return at::conv2d(x, weight, {}, stride, at::IntArrayRef(padding));
}

BatchNorm::BatchNorm(int64_t channels, at::Device device) {
  weight = register_parameter("weight", at::empty({channels}, device));
  bias = register_parameter("bias", at::empty({channels}, device));
  running_mean = register_buffer("running_mean", at::zeros({channels}, device));
  running_var = register_buffer("running_var", at::ones({channels}, device));
}

at::Tensor BatchNorm::forward(const at::Tensor& x) {
  constexpr double momentum = 0.1, eps = 1e-5;  // torch's own
  return at::batch_norm(x, weight, bias, running_mean, running_var, is_training(), momentum, eps,
                        /*cudnn_enabled=*/true);
}

ResidualBlock::ResidualBlock(int64_t in, int64_t out, int64_t stride, at::Device device)
    : stride_(stride) {
  conv1 = register_module("conv1", std::make_shared<Convolution>(in, out, stride, device));
  norm1 = register_module("norm1", std::make_shared<BatchNorm>(out, device));
  conv2 = register_module("conv2", std::make_shared<Convolution>(out, out, 1, device));
  norm2 = register_module("norm2", std::make_shared<BatchNorm>(out, device));
}

at::Tensor ResidualBlock::forward(const at::Tensor& x) {
  const at::Tensor inner = at::relu(norm1->forward(conv1->forward(x)));
  const at::Tensor y = norm2->forward(conv2->forward(inner));
  return at::relu(y + shortcut(x, stride_, y.size(1)));
}

Resnet::Resnet(const ResnetSpec& spec, at::Device device) {
  stem = register_module("stem", std::make_shared<Convolution>(3, spec.width, 1, device));
  stem_norm = register_module("stem_norm", std::make_shared<BatchNorm>(spec.width, device));
  auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>());
  const int64_t per_stage = (spec.depth - 2) / 6;
  int64_t in = spec.width;
  for (int64_t i = 0; i < 3 * per_stage; ++i) {
    const bool halves = i > 0 && i % per_stage == 0;  // at the start of the second and third stage
    const int64_t out = halves ? 2 * in : in;
    blocks_.push_back(blocks->register_module(
        std::to_string(i), std::make_shared<ResidualBlock>(in, out, halves ? 2 : 1, device)));
    in = out;
  }
  head = register_module("head", std::make_shared<Linear>(in, spec.classes, true, device));
}

at::Tensor Resnet::forward(const Batch& batch) {
  at::Tensor x = at::relu(stem_norm->forward(stem->forward(batch.inputs)));
  for (const auto& block : blocks_) x = block->forward(x);
  return head->forward(x.mean({2, 3}));
}

}  // namespace steepest::trainer
