// SPDX-License-Identifier: Apache-2.0
// Image classifiers: an MLP (3072-512-10 by default) and a small CNN, both with GELU.
#pragma once

#include "trainer/data/batch.h"
#include "trainer/models/layers.h"
#include "trainer/models/spec.h"

namespace steepest::trainer {

struct Mlp : torch::nn::Module {
  Mlp(const MlpSpec& spec, at::Device device);
  at::Tensor forward(const Batch& batch);  // logits [rows, classes]

 private:
  double dropout_;
  std::vector<std::shared_ptr<Linear>> hidden_;
  std::shared_ptr<Linear> head;
};

struct Cnn : torch::nn::Module {
  Cnn(const CnnSpec& spec, at::Device device);
  at::Tensor forward(const Batch& batch);  // logits [rows, classes]

 private:
  struct Convolution;
  double dropout_;
  std::vector<std::shared_ptr<Convolution>> convolutions_;
  std::shared_ptr<Linear> hidden, head;
};

}  // namespace steepest::trainer
