// SPDX-License-Identifier: Apache-2.0
// From names as they are to names as they are meant: no wrappers, no parametrizations, no
// ensembles.
#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include "steepest/routing/fact.h"
#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

using Shapes = std::unordered_map<std::string, const std::vector<int64_t>*>;

bool is_number(const std::string& step) {
  return !step.empty() &&
         std::all_of(step.begin(), step.end(), [](char c) { return '0' <= c && c <= '9'; });
}

bool is_vector(const std::vector<int64_t>& shape) {
  return std::count_if(shape.begin(), shape.end(), [](int64_t n) { return n != 1; }) < 2;
}

// Drops step i of the path, and the type of the module there.
void drop(Fact& f, size_t i) {
  f.path.erase(f.path.begin() + static_cast<std::ptrdiff_t>(i));
  if (f.around.size() > i + 1) f.around.erase(f.around.begin() + static_cast<std::ptrdiff_t>(i));
}

void split(Fact& f) {
  std::istringstream steps(f.name);
  f.path.clear();
  for (std::string step; std::getline(steps, step, '.');) f.path.push_back(step);
  if (f.path.empty()) f.path.push_back(f.name);
  f.leaf = f.path.back();
  f.path.pop_back();
}

// parametrizations.weight.original1 of torch.nn.utils.parametrizations.
void unfold_parametrization(Fact& f, const Shapes& shapes) {
  const auto at = std::find(f.path.begin(), f.path.end(), "parametrizations");
  if (at == f.path.end() || at + 1 == f.path.end()) return;
  const std::string base = f.name.substr(0, f.name.size() - f.leaf.size());
  f.gain = f.leaf == "original0" && shapes.count(base + "original1") != 0 && is_vector(f.shape);
  const auto steps = static_cast<size_t>(at - f.path.begin());
  f.leaf = f.path[steps + 1];
  f.path.resize(steps);
  if (f.around.size() > steps + 1) f.around.resize(steps + 1);
}

// weight_g and weight_v of torch.nn.utils.weight_norm, weight_orig of spectral_norm and pruning.
void unfold_hook(Fact& f, const Shapes& shapes) {
  const auto ends = [&](const char* tail) {
    return f.leaf.starts_with("weight") && f.leaf.ends_with(tail);
  };
  const auto other = [&](size_t length, const char* tail) {
    const auto found = shapes.find(f.name.substr(0, f.name.size() - length) + tail);
    return found == shapes.end() ? nullptr : found->second;
  };
  const auto strip = [&](size_t length) { f.leaf.resize(f.leaf.size() - length); };
  if (ends("_orig") && !other(5, "")) return strip(5);
  const bool v = ends("_v");
  if (!v && !ends("_g")) return;
  const auto* beside = other(2, v ? "_g" : "_v");
  if (!beside) return;
  const auto& gain = v ? *beside : f.shape;
  const auto& direction = v ? f.shape : *beside;
  if (!is_vector(gain) || (!gain.empty() && gain.size() != direction.size())) return;
  f.gain = !v;
  strip(2);
}

// Wrappers by name; then a lone child, as in Sequential(model) or a holder with self.model.
void unwrap(std::vector<Fact>& facts) {
  for (auto& f : facts) {
    for (size_t i = f.path.size(); i-- > 0;) {
      if (kWrapper.match(f.path[i])) drop(f, i);
    }
  }
  for (bool first = true; !facts.empty() && !facts[0].path.empty(); first = false) {
    const std::string step = facts[0].path[0];
    const auto same = [&](const Fact& f) { return !f.path.empty() && f.path[0] == step; };
    const auto deeper = [](const Fact& f) { return f.path.size() > 1; };
    if (!std::all_of(facts.begin(), facts.end(), same) ||
        !std::any_of(facts.begin(), facts.end(), deeper) || kHead.match(step)) {
      return;
    }
    if (is_number(step) && !first) return;  // the only block of a list
    if (!facts[0].around.empty() && facts[0].around[0] == "ModuleList") return;
    if (facts[0].around.empty() && step != "model" && step != "net" && step != "0") return;
    for (auto& f : facts) drop(f, 0);
  }
}

// torch.func.stack_module_state: every tensor has a first dimension more, biases and norms too.
void unstack(std::vector<Fact>& facts) {
  struct Group {
    int64_t models = -1;
    bool stack = true, has_bias = false;
  };
  std::unordered_map<std::string, Group> groups;
  const auto loose = [](const Fact& f) {
    return !f.known || is_a(f, "ParameterDict") || is_a(f, "ParameterList");
  };
  const auto group_of = [&](const Fact& f) -> Group& {
    return groups[f.known ? joined(f.path, f.path.size()) + "!" : ""];
  };
  for (const auto& f : facts) {
    if (!loose(f)) continue;
    auto& group = group_of(f);
    const int64_t models = f.shape.size() < 2 ? 0 : f.shape[0];
    if (group.models < 0) group.models = models;
    group.stack = group.stack && models > 1 && models == group.models;
    group.has_bias = group.has_bias || kBias.match(f.leaf);
  }
  for (auto& f : facts) {
    if (!loose(f)) continue;
    const auto& group = group_of(f);
    f.stacked = group.stack && group.has_bias;
    if (f.stacked) f.shape.erase(f.shape.begin());
  }
}

}  // namespace

void resolve_names(std::vector<Fact>& facts) {
  Shapes shapes;
  for (const auto& f : facts) shapes.emplace(f.name, &f.shape);
  for (auto& f : facts) {
    split(f);
    unfold_parametrization(f, shapes);
    unfold_hook(f, shapes);
  }
  unwrap(facts);
  unstack(facts);
}

}  // namespace steepest::routing
