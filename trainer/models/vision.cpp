// SPDX-License-Identifier: Apache-2.0
// The image classifiers.
#include "trainer/models/vision.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/max_pool2d.h>

#include <array>

namespace steepest::trainer {

Mlp::Mlp(const MlpSpec& spec, at::Device device) : dropout_(spec.dropout) {
  auto hidden = register_module("hidden", std::make_shared<torch::nn::Module>());
  int64_t in = spec.inputs;
  for (const int64_t out : spec.widths) {
    const std::string name = std::to_string(hidden_.size());
    hidden_.push_back(
        hidden->register_module(name, std::make_shared<Linear>(in, out, true, device)));
    in = out;
  }
  head = register_module("head", std::make_shared<Linear>(in, spec.classes, true, device));
}

at::Tensor Mlp::forward(const Batch& batch) {
  Dropout dropout(dropout_, is_training(), batch.seed);
  at::Tensor x = batch.inputs.flatten(1);
  for (const auto& hidden : hidden_) x = dropout(at::gelu(hidden->forward(x)));
  return head->forward(x);
}

// 3x3, edges padded, the maximum of each 2x2 (half the side), GELU.
struct Cnn::Convolution : torch::nn::Module {
  // Makes the weight [out, in, 3, 3] and the bias of a map from `in` to `out` channels,
  // uninitialized.
  Convolution(int64_t in, int64_t out, at::Device device) {
    weight = register_parameter("weight", at::empty({out, in, 3, 3}, device));
    bias = register_parameter("bias", at::empty({out}, device));
  }
  // Returns gelu of the convolution of x [rows, in, side, side] with stride and padding 1, pooled
  // to [rows, out, side / 2, side / 2] by the maximum of 2 x 2.
  at::Tensor forward(const at::Tensor& x) const {
    constexpr std::array<int64_t, 2> one{1, 1};
    return at::gelu(at::max_pool2d(at::conv2d(x, weight, bias, one, at::IntArrayRef(one)), {2, 2}));
  }
  at::Tensor weight, bias;
};

Cnn::Cnn(const CnnSpec& spec, at::Device device) : dropout_(spec.dropout) {
  auto blocks = register_module("convolutions", std::make_shared<torch::nn::Module>());
  int64_t in = 3, side = spec.side;
  for (const int64_t out : spec.channels) {
    const std::string name = std::to_string(convolutions_.size());
    convolutions_.push_back(
        blocks->register_module(name, std::make_shared<Convolution>(in, out, device)));
    in = out;
    side /= 2;
  }
  hidden = register_module("hidden",
                           std::make_shared<Linear>(in * side * side, spec.hidden, true, device));
  head = register_module("head", std::make_shared<Linear>(spec.hidden, spec.classes, true, device));
}

at::Tensor Cnn::forward(const Batch& batch) {
  Dropout dropout(dropout_, is_training(), batch.seed);
  at::Tensor x = batch.inputs;
  for (const auto& convolution : convolutions_) x = convolution->forward(x);
  x = at::gelu(hidden->forward(dropout(x.flatten(1))));
  return head->forward(dropout(x));
}

}  // namespace steepest::trainer
