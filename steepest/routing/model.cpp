// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/model.h"

#include <algorithm>

#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

// Returns the part of a module's name before the number at its end, "layer" of layer4; "" where the
// name has no number at its end, or is one.
std::string stem(const std::string& module_name) {
  const size_t end = module_name.find_last_not_of("0123456789");
  const bool none = end == std::string::npos || end + 1 == module_name.size();
  return none ? "" : module_name.substr(0, end + 1);
}

// Returns the parameter's name within the module that the first `steps` names of its path lead to:
// "fc.weight" of layers.3.fc.weight for 2.
std::string name_within(const Fact& f, size_t steps) {
  std::string text;
  for (size_t i = steps; i < f.path.size(); ++i) text += f.path[i] + ".";
  return text + f.leaf;
}

}  // namespace

bool is_number(const std::string& step) {
  return !step.empty() && step.find_first_not_of("0123456789") == std::string::npos;
}

bool is_norm(const Fact& f) {
  if (f.known && !is_a(f, "ParameterDict")) return owner_type_contains(f, "Norm") && is_bare(f);
  return !f.path.empty() && kNorm.match(f.path.back()) && f.shape.size() < 3;
}

Model::Model(std::vector<Fact> places) : places_(std::move(places)) {
  resolve_names(places_);
  for (size_t i = 0; i < places_.size(); ++i) {
    const Fact& f = places_[i];
    by_name_.emplace(f.name, i);
    first_.emplace(f.tensor, i);
    ++count_[f.tensor];
    if (is_embedding(f)) embeddings_.insert(f.tensor);
    const bool reads = kAttentionInput.match(purpose_name(f));
    std::string prefix;
    below_[prefix].push_back(i);
    for (const auto& step : f.path) {
      if (reads) attention_.insert(prefix);
      below_[prefix += step + "."].push_back(i);
    }
  }
}

bool Model::is_first(const Fact& f) const { return &places_[first_.at(f.tensor)] == &f; }

const std::vector<int64_t>* Model::shape_beside(const Fact& f, const std::string& leaf) const {
  const size_t end = f.name.rfind('.');
  const auto found =
      by_name_.find((end == std::string::npos ? "" : f.name.substr(0, end + 1)) + leaf);
  return found == by_name_.end() ? nullptr : &places_[found->second].shape;
}

std::vector<const Fact*> Model::siblings(const Fact& f) const {
  std::vector<const Fact*> found;
  for (const size_t i : below_.at(path_prefix(f.path, f.path.size()))) {
    if (&places_[i] != &f && places_[i].path == f.path) found.push_back(&places_[i]);
  }
  return found;
}

bool Model::lies_in_block(const Fact& f, size_t from) const {
  for (size_t i = from; i + 1 < f.path.size(); ++i) {
    const bool numbered = is_number(f.path[i]) || !stem(f.path[i]).empty();
    if (numbered && is_block(f, i)) return true;
  }
  return false;
}

// Whether the numbered module f.path[step], which the first step + 1 names of f's path lead to, is
// a block of a repeated kind: it has two layers or more, and stands in a ModuleList, or beside
// another with the same parameters, or alone, numbered and no Sequential.
bool Model::is_block(const Fact& f, size_t step) const {
  const auto [parts, layers] = numbered_children(f, step);
  if (layers < 2) return false;
  const auto type = step + 1 < f.around.size() ? f.around[step] : "";
  if (is_number(f.path[step]) && type == "ModuleList") return true;
  if (parts.size() == 1) {
    const auto own = step + 1 < f.around.size() ? f.around[step + 1] : "";
    return is_number(f.path[step]) && own != "Sequential";
  }
  const auto& here = parts.at(f.path[step]);
  return std::any_of(parts.begin(), parts.end(), [&](const auto& part) {
    return part.first != f.path[step] && part.second == here;
  });
}

// Returns the children of the module that the first `step` names of f's path lead to which are
// numbered in the same way as f.path[step], the one in which f lies (0, 1, .. or layer1, layer2,
// ..): with the names of the parameters of each, and the number of layers of f's own.
Model::Children Model::numbered_children(const Fact& f, size_t step) const {
  const auto stem_here = stem(f.path[step]);
  Children found;
  for (const size_t i : below_.at(path_prefix(f.path, step))) {
    const Fact& other = places_[i];
    if (other.path.size() <= step) continue;
    const auto& child = other.path[step];
    if (is_number(child) != is_number(f.path[step]) || stem(child) != stem_here) continue;
    found.parts[child].insert(name_within(other, step + 1));
    found.layers += child == f.path[step] && is_layer_weight(other) && count_wide_dims(other) > 1;
  }
  return found;
}

bool Model::is_followed_by_norm(const Fact& f) const {
  if (f.path.empty() || !is_number(f.path.back())) return false;
  const size_t depth = f.path.size() - 1;
  const auto& around = below_.at(path_prefix(f.path, depth));
  return std::any_of(around.begin(), around.end(), [&](size_t i) {
    const Fact& other = places_[i];
    const bool vector = !other.known && other.leaf == "weight" && other.shape.size() == 1;
    return &other > &f && other.path.size() == depth + 1 && other.path != f.path &&
           (vector || is_norm(other));
  });
}

}  // namespace steepest::routing
