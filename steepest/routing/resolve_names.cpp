// SPDX-License-Identifier: Apache-2.0
// From names as they are to names as they are meant: no wrappers, no parametrizations, no
// ensembles.
#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "steepest/routing/fact.h"
#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

using Shapes = std::unordered_map<std::string, const std::vector<int64_t>*>;

// Whether a name in a module's path is a number, as the 3 of layers.3.
bool is_number(const std::string& step) {
  return !step.empty() &&
         std::all_of(step.begin(), step.end(), [](char c) { return '0' <= c && c <= '9'; });
}

// Whether at most one dimension is not 1, as of the magnitudes of a weight norm, [out, 1].
bool is_vector(const std::vector<int64_t>& shape) {
  return std::count_if(shape.begin(), shape.end(), [](int64_t n) { return n != 1; }) < 2;
}

// Drops name i of the parameter's path, in place, as if the children of that module were those of
// the module around it. Of the types in `around` the outer module's goes, so that the dropped
// module's type stands in its place.
void drop_step(Fact& f, size_t i) {
  f.path.erase(f.path.begin() + static_cast<std::ptrdiff_t>(i));
  if (f.around.size() > i + 1) f.around.erase(f.around.begin() + static_cast<std::ptrdiff_t>(i));
}

// Sets f.path and f.leaf from the parameter's dotted name: the leaf is its last part, and the path
// has the parts before it.
void split_name(Fact& f) {
  std::istringstream steps(f.name);
  f.path.clear();
  for (std::string step; std::getline(steps, step, '.');) f.path.push_back(step);
  if (f.path.empty()) f.path.push_back(f.name);
  f.leaf = f.path.back();
  f.path.pop_back();
}

// Gives a parameter of torch.nn.utils.parametrizations the name of the weight that it stands for:
// parametrizations.weight.original1 becomes the owner's "weight". f.gain marks an original0 that is
// a vector beside an original1, the magnitudes of a weight norm. Any other parameter stays as it
// is. `shapes` has the shape of every parameter by its name.
void name_parametrized_weight(Fact& f, const Shapes& shapes) {
  const auto at = std::find(f.path.begin(), f.path.end(), "parametrizations");
  if (at == f.path.end() || at + 1 == f.path.end()) return;
  const std::string base = f.name.substr(0, f.name.size() - f.leaf.size());
  f.gain = f.leaf == "original0" && shapes.count(base + "original1") != 0 && is_vector(f.shape);
  const auto steps = static_cast<size_t>(at - f.path.begin());
  f.leaf = f.path[steps + 1];
  f.path.resize(steps);
  if (f.around.size() > steps + 1) f.around.resize(steps + 1);
}

// Whether the two shapes can be those of weight_g, a scalar or one number a row, and weight_v of a
// weight norm: such a gain keeps the weight's number of dimensions.
bool are_gain_and_direction(const std::vector<int64_t>& gain,
                            const std::vector<int64_t>& direction) {
  return is_vector(gain) && (gain.empty() || gain.size() == direction.size());
}

// Takes from f.leaf ("weight_v") the end that a hook of torch.nn.utils has put to a weight's name:
// _v of the direction and _g of the magnitude, which f.gain marks (weight_norm), or _orig
// (spectral_norm, pruning). _v and _g count only beside each other with shapes that fit, _orig only
// without the plain name beside it: else f stays as it is. `shapes` has every parameter's shape by
// its name.
void name_hooked_weight(Fact& f, const Shapes& shapes) {
  if (!f.leaf.starts_with("weight")) return;
  const auto ends = [&](const std::string& tail) { return f.leaf.ends_with(tail); };
  const auto shape_of_other = [&](const std::string& tail, const std::string& other_tail) {
    const auto found = shapes.find(f.name.substr(0, f.name.size() - tail.size()) + other_tail);
    return found == shapes.end() ? nullptr : found->second;
  };
  const auto strip = [&](const std::string& tail) { f.leaf.resize(f.leaf.size() - tail.size()); };
  if (ends("_orig") && !shape_of_other("_orig", "")) return strip("_orig");
  const bool direction = ends("_v");
  if (!direction && !ends("_g")) return;
  const auto [tail, other_tail] = direction ? std::pair("_v", "_g") : std::pair("_g", "_v");
  const auto* beside = shape_of_other(tail, other_tail);
  if (!beside) return;
  if (!are_gain_and_direction(direction ? *beside : f.shape, direction ? f.shape : *beside)) return;
  f.gain = !direction;
  strip(tail);
}

// Whether the root is only a wrapper: all parameters lie below one child, as in Sequential(model)
// or a holder with self.model, which is not named as a head. A ModuleList is no wrapper. Where
// types are not known the child has to be named model, net or 0. A number as its name counts only
// below the `outermost` module, before any was dropped: deeper it is the only block of a list.
bool all_below_one_child(const std::vector<Fact>& facts, bool outermost) {
  if (facts.empty() || facts[0].path.empty()) return false;
  const std::string& step = facts[0].path[0];
  const auto same = [&](const Fact& f) { return !f.path.empty() && f.path[0] == step; };
  const auto deeper = [](const Fact& f) { return f.path.size() > 1; };
  if (!std::all_of(facts.begin(), facts.end(), same)) return false;
  if (!std::any_of(facts.begin(), facts.end(), deeper) || kHead.match(step)) return false;
  if (is_number(step) && !outermost) return false;
  const auto& around = facts[0].around;
  return around.empty() ? step == "model" || step == "net" || step == "0"
                        : around[0] != "ModuleList";
}

// Takes wrappers known by their names (module, _orig_mod) out of all paths, in place; then, from
// the root down, each child that holds all parameters (all_below_one_child()).
void drop_wrappers(std::vector<Fact>& facts) {
  for (auto& f : facts) {
    for (size_t i = f.path.size(); i-- > 0;) {
      if (kWrapper.match(f.path[i])) drop_step(f, i);
    }
  }
  for (bool outermost = true; all_below_one_child(facts, outermost); outermost = false) {
    for (auto& f : facts) drop_step(f, 0);
  }
}

// Whether the parameter belongs to no layer whose type says how many dimensions it has, so that one
// more can only be told by comparison: its module is not known, or is a mere list of parameters.
bool may_be_stacked(const Fact& f) {
  return !f.known || is_a(f, "ParameterDict") || is_a(f, "ParameterList");
}

// Gathers over the parameters of one module, or over all whose module is not known, whether they
// may be those of several `models`, stacked along a first dimension.
struct Stack {
  // Takes one more parameter into account: sets `models` to the first parameter's first dimension;
  // `is_one`, whether they may be a stack, to false at one with fewer than two dimensions or
  // another first dimension; and `has_bias` to true at a bias. A bias is a vector in a single
  // model, so that one with two dimensions tells models in a stack from mere matrices of as many
  // rows.
  void include(const Fact& f) {
    const int64_t size = f.shape.size() < 2 ? 0 : f.shape[0];
    if (models < 0) models = size;
    is_one = is_one && size > 1 && size == models;
    has_bias = has_bias || kBias.match(f.leaf);
  }
  int64_t models = -1;  // -1: no parameter so far
  bool is_one = true, has_bias = false;
};

// Sets `stacked` of the parameters of models stacked by torch.func.stack_module_state, and takes
// the first dimension from their shapes. There every tensor has one dimension more, biases and
// norms too: a module counts as a stack where the first dimension of all its parameters is the same
// number above 1, and a bias is among them.
void mark_stacked_models(std::vector<Fact>& facts) {
  std::unordered_map<std::string, Stack> stacks;
  const auto stack_of = [&](const Fact& f) -> Stack& {
    return stacks[f.known ? path_prefix(f.path, f.path.size()) + "!" : ""];
  };
  for (const auto& f : facts) {
    if (may_be_stacked(f)) stack_of(f).include(f);
  }
  for (auto& f : facts) {
    if (!may_be_stacked(f)) continue;
    f.stacked = stack_of(f).is_one && stack_of(f).has_bias;
    if (f.stacked) f.shape.erase(f.shape.begin());
  }
}

}  // namespace

// Fills in path, leaf, gain and stacked of all parameters of one model, in place, from their names
// and shapes: names as they are meant, without wrappers and parametrizations, and shapes without
// the dimension of an ensemble.
void resolve_names(std::vector<Fact>& facts) {
  Shapes shapes;
  for (const auto& f : facts) shapes.emplace(f.name, &f.shape);
  for (auto& f : facts) {
    split_name(f);
    name_parametrized_weight(f, shapes);
    name_hooked_weight(f, shapes);
  }
  drop_wrappers(facts);
  mark_stacked_models(facts);
}

}  // namespace steepest::routing
