// SPDX-License-Identifier: Apache-2.0
// replay RECIPE IN OUT [OPTIONS]: the recipe's steps over given gradients, so that programs
// in other languages can compare. IN holds "param.<name>", "grad.<t>.<name>" for t = 0, 1, .. and
// "loss.<t>" under Momo; OUT gets "<t>.<name>" after each step. OPTIONS is a JSON object of
// overrides.
#include <ATen/ATen.h>

#include <iostream>

#include "steepest/io/safetensors.h"
#include "steepest/optimizer.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/serialize/recipe_json.h"

namespace {

using namespace steepest;

Group read_group(const SafeTensors& in) {
  const std::string prefix = "param.";
  Group group;
  for (const auto& [name, tensor] : in.tensors) {
    if (name.starts_with(prefix)) group.params.emplace_back(name.substr(prefix.size()), tensor);
  }
  return group;
}

bool set_grads(const Group& group, const SafeTensors& in, const std::string& step) {
  bool any = false;
  for (const auto& [name, param] : group.params) {
    const auto* grad = find_tensor(in.tensors, "grad." + step + "." + name);
    param.mutable_grad() = grad == nullptr ? at::Tensor() : *grad;
    any |= grad != nullptr;
  }
  return any;
}

void replay(int argc, char** argv) {
  TORCH_CHECK_VALUE(argc >= 4, "usage: replay RECIPE IN OUT [OPTIONS]");
  const auto in = read_safetensors(argv[2]);
  auto group = read_group(in);
  const auto options = overrides_from_json(argc > 4 ? argv[4] : "{}");
  Optimizer optimizer(Groups{group}, recipe(argv[1], options));
  NamedTensors out;
  for (int t = 0; set_grads(group, in, std::to_string(t)); ++t) {
    const auto step = std::to_string(t);
    if (const auto* loss = find_tensor(in.tensors, "loss." + step)) optimizer.observe(*loss);
    optimizer.step();
    for (const auto& [name, param] : group.params)
      out.emplace_back(step + "." + name, param.clone());
  }
  write_safetensors(argv[3], out);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    replay(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
