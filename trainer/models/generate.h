// SPDX-License-Identifier: Apache-2.0
// Text from a model, token by token.
#pragma once

#include <ATen/core/Generator.h>

#include <vector>

#include "trainer/models/model.h"

namespace steepest::trainer {

struct Sampling {
  double temperature = 1;  // 0: always the likeliest token
  int64_t top_k = 0;       // > 0: among the k likeliest
};

// Lets the model go on from the prompt (which must not be empty) and returns the n tokens that
// follow it, without the prompt. The model sees the last model.context() tokens; dropout is off
// meanwhile. `generator` is a CPU generator. Throws std::invalid_argument for what it cannot use.
std::vector<int64_t> generate(Model& model, std::vector<int64_t> prompt, int64_t n,
                              const Sampling& sampling, at::Generator generator);

}  // namespace steepest::trainer
