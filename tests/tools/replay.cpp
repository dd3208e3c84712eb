// SPDX-License-Identifier: Apache-2.0
// replay RECIPE IN OUT [option=value ..]: the recipe's steps over given gradients, so that programs
// in other languages can compare. IN holds "param.<name>", "grad.<t>.<name>" for t = 0, 1, .. and
// "loss.<t>" under Momo; OUT gets "<t>.<name>" after each step. The options are the group's.
#include <ATen/ATen.h>

#include <iostream>

#include "steepest/optimizer.h"
#include "steepest/safetensors.h"

namespace {

using namespace steepest;

const std::map<std::string, std::optional<double> Overrides::*> kNumbers = {
    {"lr", &Overrides::lr},
    {"momentum", &Overrides::momentum},
    {"beta2", &Overrides::beta2},
    {"eps", &Overrides::eps},
    {"dampening", &Overrides::dampening},
    {"weight_decay", &Overrides::weight_decay}};
const std::map<std::string, std::optional<std::string> Overrides::*> kWords = {
    {"norm", &Overrides::norm}, {"radius", &Overrides::radius}, {"polar", &Overrides::polar}};

void set_option(Overrides& overrides, const std::string& text) {
  const auto equals = text.find('=');
  const auto key = text.substr(0, equals), value = text.substr(equals + 1);
  if (key == "nesterov") {
    overrides.nesterov = value == "1";
  } else if (kWords.count(key) != 0) {
    overrides.*kWords.at(key) = value;
  } else {
    overrides.*kNumbers.at(key) = std::stod(value);
  }
}

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
  TORCH_CHECK_VALUE(argc >= 4, "usage: replay RECIPE IN OUT [option=value ..]");
  const auto in = read_safetensors(argv[2]);
  auto group = read_group(in);
  for (int i = 4; i < argc; ++i) set_option(group.options, argv[i]);
  Optimizer optimizer(Groups{group}, recipe(argv[1]));
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
