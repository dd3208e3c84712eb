// SPDX-License-Identifier: Apache-2.0
// The convolutional network of airbench94 (Jordan 2024, arXiv 2404.00498) for small images:
// filters that whiten patches of 2x2 pixels, which training leaves as they are, then groups of two
// 3x3 convolutions, the largest value of each channel, and a head without bias.
#pragma once

#include "trainer/data/batch.h"
#include "trainer/models/layers.h"
#include "trainer/models/resnet.h"
#include "trainer/models/spec.h"

namespace steepest::trainer {

// Batch normalization whose gain is fixed at 1: (x - mean) / sqrt(variance + 1e-12) + b. In
// training mean and variance are the batch's, and the running ones move by .4 of the way to them.
struct CenteredNorm : torch::nn::Module {
  // Makes the bias [channels], uninitialized, and the running mean 0 and variance 1.
  CenteredNorm(int64_t channels, at::Device device);
  // Takes x [rows, channels, side, side] to the same shape; in training it changes the running mean
  // and variance, which are buffers.
  at::Tensor forward(const at::Tensor& x);
  at::Tensor bias, running_mean, running_var;
};

// A 2x2 convolution without a border, whose filters are a buffer; the bias is trained.
struct Whitening : torch::nn::Module {
  // Makes filters of zeros [24, 3, 2, 2] and the bias [24], uninitialized.
  explicit Whitening(at::Device device);
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight, bias;
};

// gelu(norm2(conv2(gelu(norm1(pool(conv1(x))))))), pool: the largest of each 2x2 pixels.
struct AirbenchGroup : torch::nn::Module {
  AirbenchGroup(int64_t in, int64_t out, at::Device device);
  // Takes x [rows, in, side, side] to [rows, out, side / 2, side / 2], rounded down.
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<Convolution> conv1, conv2;
  std::shared_ptr<CenteredNorm> norm1, norm2;
};

struct Airbench : torch::nn::Module {
  // Makes the network of a valid spec, with empty parameters.
  Airbench(const AirbenchSpec& spec, at::Device device);
  // Returns the logits [rows, classes] of batch.inputs [rows, 3, side, side].
  at::Tensor forward(const Batch& batch);
  // Sets the first filters to those that whiten the patches of these images [n, 3, side, side].
  void whiten_by(const at::Tensor& images);

 private:
  std::shared_ptr<Whitening> whiten;
  std::vector<std::shared_ptr<AirbenchGroup>> groups_;
  std::shared_ptr<Linear> head;
};

// The filters [2 k, 3, 2, 2], k = 12, that take the images' patches x to +-E' x / sqrt(lambda +
// 5e-4), with the eigenvectors E and eigenvalues lambda of their mean x x', the largest first.
at::Tensor whitening_filters(const at::Tensor& images);

}  // namespace steepest::trainer
