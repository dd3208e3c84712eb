// SPDX-License-Identifier: Apache-2.0
// Modules whose parameters are made empty (init.h fills them by name): torch's own would draw from
// the global random generator.
#pragma once

#include <torch/nn/module.h>

#include <string>

namespace steepest::trainer {

// y = x W^T + b, W [out, in]
struct Linear : torch::nn::Module {
  // Makes the weight [out, in] and, with `bias`, the bias [out], uninitialized.
  Linear(int64_t in, int64_t out, bool bias, at::Device device);
  // Returns x W^T + b (b where there is one); x is [.., in], the result [.., out].
  at::Tensor forward(const at::Tensor& x) const;
  at::Tensor weight, bias;
};

// A table of `entries` vectors, W [entries, width]; forward takes indices of any shape [..] to [..,
// width].
struct Embedding : torch::nn::Module {
  // Makes the table [entries, width], uninitialized.
  Embedding(int64_t entries, int64_t width, at::Device device);
  // Returns the vectors [.., width] of the indices [..], int64.
  at::Tensor forward(const at::Tensor& index) const;
  at::Tensor weight;
};

// x / rms(x) * g, or (x - mean) / deviation * g + b
struct Normalization : torch::nn::Module {
  // Makes the gain [width] and, with `bias`, the bias, uninitialized. `kind` is "rms" or "layer";
  // only "layer" may have a bias.
  Normalization(const std::string& kind, int64_t width, bool bias, at::Device device);
  at::Tensor forward(const at::Tensor& x) const;
  bool centered;
  at::Tensor weight, bias;
};

// x / rms(x) over the last dimension, rms(x) = sqrt(mean(x^2) + 1e-6), times the gain of its size
// where one is given.
at::Tensor rms_normalized(const at::Tensor& x, const at::Tensor& gain = {});

// Returns max(x, 0)^2 elementwise; for the gradient it keeps max(x, 0) alone.
at::Tensor squared_relu(const at::Tensor& x);

// One batch's dropout: each place that drops takes the next mask of the batch's seed, so a step is
// repeated exactly whatever ran before it.
class Dropout {
 public:
  // Drops at `rate`, 0 to below 1, if `training`, else nothing; `seed` is the batch's.
  Dropout(double rate, bool training, uint64_t seed) : rate_(training ? rate : 0), seed_(seed) {}
  // Returns x with each entry set to 0 at the rate, and the others divided by 1 - rate, so that its
  // mean stays; x itself where nothing is dropped. Each call takes the next mask of the seed.
  at::Tensor operator()(const at::Tensor& x);
  // Whether anything is dropped.
  bool active() const { return rate_ > 0; }

 private:
  double rate_;
  uint64_t seed_, count_ = 0;
};

}  // namespace steepest::trainer
