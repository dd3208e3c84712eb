// SPDX-License-Identifier: Apache-2.0
// two_threads: two optimizers that step in two threads at the same time end with the bits that each
// has alone. Under the thread sanitizer it also shows that they share nothing that is written.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <iostream>
#include <thread>

#include "steepest/optimizer.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/serialize/recipe_json.h"

namespace {

using namespace steepest;

// Gradients that depend on the step alone, made before any thread starts.
std::vector<at::Tensor> gradients(int64_t seed) {
  std::vector<at::Tensor> all;
  for (int64_t t = 0; t < 20; ++t) {
    const auto x = at::arange(48 * 32, at::kFloat);
    all.push_back(at::sin(x * (.1 + .01 * static_cast<double>(t + seed))).reshape({48, 32}));
  }
  return all;
}

at::Tensor train(const std::string& name, const std::vector<at::Tensor>& grads) {
  auto matrix = at::ones({48, 32}), bias = at::ones({32});
  Optimizer optimizer(std::vector<at::Tensor>{matrix, bias}, recipe(name));
  for (const auto& grad : grads) {
    matrix.mutable_grad() = grad;
    bias.mutable_grad() = grad[0];
    if (name.ends_with("-momo")) optimizer.observe(at::full({}, 2.));
    optimizer.step();
  }
  return at::cat({matrix.flatten(), bias});
}

bool alone_and_together(const std::string& first, const std::string& second) {
  const auto a = gradients(1), b = gradients(2);
  const auto want_a = train(first, a), want_b = train(second, b);
  at::Tensor got_a, got_b;
  std::thread one([&] { got_a = train(first, a); });
  std::thread two([&] { got_b = train(second, b); });
  one.join();
  two.join();
  const bool same = at::equal(got_a, want_a) && at::equal(got_b, want_b);
  if (!same) std::cerr << first << " beside " << second << ": other bits than alone\n";
  return same;
}

}  // namespace

int main() {
  at::set_num_threads(1);
  try {
    bool good = true;
    for (const auto* first : {"muon", "muonmax-momo", "neon", "adamw"}) {
      for (const auto* second : {"muon", "polargrad"}) good &= alone_and_together(first, second);
    }
    return good ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
