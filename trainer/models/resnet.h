// SPDX-License-Identifier: Apache-2.0
// The residual network for 32 x 32 images (He et al. 2015, section 4.2): 6n + 2 layers in three
// stages of n blocks, whose shortcuts have no parameters (option A).
#pragma once

#include "trainer/data/batch.h"
#include "trainer/models/layers.h"
#include "trainer/models/spec.h"

namespace steepest::trainer {

// A 3x3 convolution without bias, edges padded with zeros.
struct Convolution : torch::nn::Module {
  // Makes the weight [out, in, 3, 3], uninitialized.
  Convolution(int64_t in, int64_t out, int64_t stride, at::Device device);
  // Returns the convolution of x [rows, in, side, side]: [rows, out, side', side'] with side' =
  // side / stride, rounded up.
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight;

 private:
  int64_t stride_;
};

// (x - mean) / sqrt(variance + 1e-5) * g + b of each channel. In training mean and variance are the
// batch's, and the running ones move a tenth of the way to them; else the running ones are used.
struct BatchNorm : torch::nn::Module {
  // Makes gain and bias [channels], uninitialized, and the running mean 0 and variance 1.
  BatchNorm(int64_t channels, at::Device device);
  // Takes x [rows, channels, side, side] to the same shape. In training it changes the running mean
  // and variance, which are buffers.
  at::Tensor forward(const at::Tensor& x);
  at::Tensor weight, bias, running_mean, running_var;
};

struct ResidualBlock : torch::nn::Module {
  // Makes the two convolutions, the first of this stride, and their normalizations; `out` is `in`
  // or twice it.
  ResidualBlock(int64_t in, int64_t out, int64_t stride, at::Device device);
  // Returns relu(norm2(conv2(relu(norm1(conv1(x))))) + shortcut(x)). x is [rows, in, side, side],
  // the result [rows, out, side / stride, side / stride], rounded up.
  at::Tensor forward(const at::Tensor& x);

 private:
  int64_t stride_;
  std::shared_ptr<Convolution> conv1, conv2;
  std::shared_ptr<BatchNorm> norm1, norm2;
};

struct Resnet : torch::nn::Module {
  // Makes the network of a valid spec, with empty parameters.
  Resnet(const ResnetSpec& spec, at::Device device);
  // Returns the logits [rows, classes] of batch.inputs [rows, 3, side, side].
  at::Tensor forward(const Batch& batch);

 private:
  std::shared_ptr<Convolution> stem;
  std::shared_ptr<BatchNorm> stem_norm;
  std::vector<std::shared_ptr<ResidualBlock>> blocks_;
  std::shared_ptr<Linear> head;
};

}  // namespace steepest::trainer
