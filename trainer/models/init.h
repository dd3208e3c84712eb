// SPDX-License-Identifier: Apache-2.0
// First values of all parameters, by name. Gains are 1. The rules:
// - torch: uniform +-1/sqrt(fan in), biases too; embeddings N(0, 1), a tied one as the head it is
// - gpt2: N(0, .02), projections into the residual stream N(0, .02 / sqrt(2 layers)); biases 0
// - zero_proj: uniform +-1/sqrt(fan in), but those projections and the head 0; embeddings N(0, 1);
//   biases 0
// - kaiming: N(0, 2 / fan in), as before a ReLU; biases 0
// - normal: N(0, .1); biases 0
// - airbench: uniform +-1/sqrt(fan in); of a convolution to n channels the first filters, one for
//   each channel that it reads, pass that channel on, and it is scaled to Frobenius norm sqrt(n);
//   the head is divided by its deviation; biases 0, but of the first layer +-1/sqrt(12)
#pragma once

#include <torch/nn/module.h>

#include <string>

namespace steepest::trainer {

struct Init {
  std::string rule = "torch";
  int64_t layers = 1;  // of the residual stream
  bool tied = false;   // the token embedding is the head
  uint64_t seed = 0;
};

// Fills all parameters of the module by the rule. Each is drawn from a generator of its own, seeded
// by the seed and the name: it does not depend on the others.
void initialize(torch::nn::Module& module, const Init& init);

}  // namespace steepest::trainer
