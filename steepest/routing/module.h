// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <vector>

#include "steepest/routing/fact.h"

namespace steepest::routing {

// A parameter where a module names it, with what is known of it.
struct Place {
  Fact fact;
  at::Tensor param;
};

// Lists the parameters of a C++ module and of all below it, in the order of named_parameters(); a
// tied one at each place that names it.
std::vector<Place> read_module(const torch::nn::Module& module);

}  // namespace steepest::routing
