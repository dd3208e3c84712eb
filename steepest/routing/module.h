// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <vector>

#include "steepest/routing/fact.h"

namespace steepest::routing {

struct Place {
  Fact fact;
  at::Tensor param;
};

// The parameters of a C++ module in the order of named_parameters(); a tied one at each place.
std::vector<Place> read_module(const torch::nn::Module& module);

}  // namespace steepest::routing
