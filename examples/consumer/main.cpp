// SPDX-License-Identifier: Apache-2.0
// A small regression: hidden matrices by the spectral norm, the rest by the recipe's backup norm.
#include <torch/torch.h>

#include <iostream>

#include "steepest/optimizer.h"
#include "steepest/optimizers/optimizers.h"

int main() {
  torch::manual_seed(0);
  torch::nn::Sequential net(torch::nn::Linear(16, 64), torch::nn::ReLU(), torch::nn::Linear(64, 1));

  // Names as in state_dict. Matrices take the recipe's norm; biases, and what `backup` names (here
  // the output layer), its backup norm.
  auto groups = steepest::route(*net, {.backup = {"2.*"}});
  std::cout << groups;

  steepest::Optimizer opt(groups,
                          steepest::recipe("muonmax-momo", {.lr = 0.02, .backup_lr = 0.002}));
  torch::optim::StepLR schedule(opt, 20, 0.5);

  const auto x = torch::randn({256, 16});
  const auto y = torch::sin(x.sum(1, /*keepdim=*/true) / 4);
  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    net->zero_grad();
    const auto loss = torch::mse_loss(net->forward(x), y);
    loss.backward();
    opt.observe(loss);  // Momo's step size looks at the loss; the other recipes ignore it
    opt.step();
    schedule.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  std::cout << "loss " << first << " -> " << last << "\n";

  steepest::save(opt, "opt.safetensors");
  return last < 0.5 * first ? 0 : 1;
}
