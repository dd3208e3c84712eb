// SPDX-License-Identifier: Apache-2.0
// torch::optim::SGD, Adam and AdamW over 20 steps in float32: the same numbers to rounding.
#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <iostream>

#include "tests/support/face.h"

namespace steepest::test {
namespace {

std::vector<at::Tensor> leaves_of(at::ScalarType dtype) {
  std::vector<at::Tensor> all;
  for (const auto& leaf : tiny_leaves()) {
    all.push_back(leaf.value.to(dtype, /*non_blocking=*/false, /*copy=*/true));
  }
  return all;
}

// The largest difference, relative to each parameter's largest entry. Every parameter's group has
// the overrides, whatever its role.
double compare(torch::optim::Optimizer& theirs, const std::vector<at::Tensor>& params,
               const std::string& name, const Overrides& overrides) {
  Groups groups = groups_of(tiny_leaves(), at::kFloat);
  for (auto& group : groups) group.options = overrides;
  Optimizer ours(groups, recipe(name));
  double worst = 0;
  for (int t = 0; t < 20; ++t) {
    for (auto* each : {&theirs, static_cast<torch::optim::Optimizer*>(&ours)}) {
      const auto values = each == &theirs ? params : params_of(ours);
      set_grads(values, evaluate(params, t).grads);  // the same, missing ones too
    }
    theirs.step();
    ours.step();
    const auto mine = params_of(ours);
    for (size_t i = 0; i < mine.size(); ++i) {
      const double scale = params[i].abs().max().item<double>();
      worst = std::max(worst, largest_difference({mine[i]}, {params[i]}) / scale);
    }
  }
  return worst;
}

TEST(TorchParity, sgd) {
  for (const double momentum : {0.0, 0.9}) {
    for (const double dampening : {0.0, 0.3}) {
      for (const bool nesterov : {false, true}) {
        if (nesterov && (momentum == 0 || dampening > 0)) continue;  // torch refuses
        for (const double decay : {0.0, 0.1}) {
          const auto params = leaves_of(at::kFloat);
          torch::optim::SGD theirs(params, torch::optim::SGDOptions(0.05)
                                               .momentum(momentum)
                                               .dampening(dampening)
                                               .nesterov(nesterov)
                                               .weight_decay(decay));
          const double worst = compare(theirs, params, "sgd",
                                       {.lr = 0.05,
                                        .momentum = momentum,
                                        .dampening = dampening,
                                        .weight_decay = decay,
                                        .nesterov = nesterov});
          std::cout << "sgd " << momentum << " " << dampening << " " << nesterov << " " << decay
                    << ": " << worst << "\n";
          EXPECT_LE(worst, 1e-6);
        }
      }
    }
  }
}

TEST(TorchParity, adam_with_coupled_decay) {
  for (const double decay : {0.0, 0.1}) {
    const auto params = leaves_of(at::kFloat);
    torch::optim::Adam theirs(params, torch::optim::AdamOptions(0.02).weight_decay(decay));
    const double worst = compare(theirs, params, "adam", {.lr = 0.02, .weight_decay = decay});
    std::cout << "adam " << decay << ": " << worst << "\n";
    EXPECT_LE(worst, 1e-6);
  }
}

TEST(TorchParity, adamw) {
  for (const double beta2 : {0.999, 0.95}) {
    const auto params = leaves_of(at::kFloat);
    torch::optim::AdamW theirs(
        params, torch::optim::AdamWOptions(0.02).betas({0.9, beta2}).eps(1e-6).weight_decay(0.1));
    const double worst = compare(theirs, params, "adamw",
                                 {.lr = 0.02, .beta2 = beta2, .eps = 1e-6, .weight_decay = 0.1});
    std::cout << "adamw " << beta2 << ": " << worst << "\n";
    EXPECT_LE(worst, 1e-6);
  }
}

}  // namespace
}  // namespace steepest::test
