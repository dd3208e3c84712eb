// SPDX-License-Identifier: Apache-2.0
// Image classifiers: an MLP (3072-512-10 by default) and a small CNN, both with GELU.
#pragma once

#include "trainer/data/batch.h"
#include "trainer/models/layers.h"
#include "trainer/models/spec.h"

namespace steepest::trainer {

struct Mlp : torch::nn::Module {
  // Makes the linear maps, empty: one for each of spec.widths, and the head.
  Mlp(const MlpSpec& spec, at::Device device);
  // Returns the logits [rows, classes] of batch.inputs [rows, ..], flattened to spec.inputs
  // columns; each hidden layer is followed by gelu and dropout.
  at::Tensor forward(const Batch& batch);

 private:
  double dropout_;
  std::vector<std::shared_ptr<Linear>> hidden_;
  std::shared_ptr<Linear> head;
};

struct Cnn : torch::nn::Module {
  // Makes the convolutions, one for each of spec.channels, and two linear maps; all empty.
  Cnn(const CnnSpec& spec, at::Device device);
  // Returns the logits [rows, classes] of batch.inputs [rows, 3, side, side].
  at::Tensor forward(const Batch& batch);

 private:
  struct Convolution;
  double dropout_;
  std::vector<std::shared_ptr<Convolution>> convolutions_;
  std::shared_ptr<Linear> hidden, head;
};

}  // namespace steepest::trainer
