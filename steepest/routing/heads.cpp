// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/heads.h"

#include <algorithm>
#include <map>

#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

using Path = std::vector<std::string>;
using Heads = std::unordered_map<int64_t, std::string>;
constexpr int64_t kMinVocabulary = 8192;

enum class Kind { head, network, moment };

struct Prefix {
  Path path;
  Kind kind = Kind::head;
};

bool any_step(const Fact& f, const Names& names, size_t from = 0) {
  const auto begin = f.path.begin() + static_cast<std::ptrdiff_t>(std::min(from, f.path.size()));
  return std::any_of(begin, f.path.end(), [&](const auto& step) { return names.match(step); });
}

bool any_type(const Fact& f, const std::string& fragment) {
  return std::any_of(f.around.begin(), f.around.end(),
                     [&](const auto& type) { return type.find(fragment) != std::string::npos; });
}

Path first_steps(const Path& path, size_t steps) {
  return {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(std::min(steps, path.size()))};
}

std::string type_at(const Fact& f, size_t steps) {
  return steps < f.around.size() ? f.around[steps] : "";
}

// The innermost head or network around a layer, outside numbered layers.
Prefix head_prefix(const Fact& f, const Model& model) {
  Prefix found;
  for (size_t i = 0; i < f.path.size(); ++i) {
    const auto& step = f.path[i];
    if (step.find("router") != std::string::npos) return {};
    const bool color =
        step == "to_rgb" || step == "torgb" || step == "toRGB";  // at each resolution
    if (is_number(step) || (!color && kNoHead.match(step))) break;
    if (model.holds_attention(joined(f.path, i)) && kNetwork.match(step)) continue;  // value
    if (kHead.match(step)) {
      const auto type = type_at(f, i + 1);
      // What follows an attention pooling is the head.
      if (type.find("Pool") != std::string::npos) return {};
      if (model.holds_attention(joined(f.path, i + 1))) continue;
      const bool many = type == "ModuleList" || type == "ModuleDict";
      found = {first_steps(f.path, i + 1 + many), Kind::head};
    } else if (kNetwork.match(step) || kMoment.match(step)) {
      if (i > 0 && kFeatures.match(f.path[i - 1])) continue;
      found = {first_steps(f.path, i + 1), kNetwork.match(step) ? Kind::network : Kind::moment};
    } else if (i == 0 && f.path.size() <= 2 && (step == "out" || step == "output")) {
      found = {first_steps(f.path, 1), Kind::head};
    }
  }
  return found;
}

bool is_part(const Path& inner, const Path& outer) {
  return inner.size() > outer.size() && std::equal(outer.begin(), outer.end(), inner.begin());
}

// The last layer below each innermost name of a head. Where the model was asked for its output,
// only layers that are themselves so named: a "head" may then be what stands before it. Returns
// whether these are all: a mean may be an encoder's.
bool add_named(const Model& model, Heads& heads) {
  std::map<Path, std::pair<const Fact*, Kind>> last;
  for (const auto& f : model.places()) {
    if (!is_output(f)) continue;
    const auto prefix = head_prefix(f, model);
    if (prefix.path.empty() || (f.says == "head" && prefix.path != f.path)) continue;
    if (any_step(f, kBranch, prefix.path.size())) continue;
    const auto before = last.find(prefix.path);
    const bool has_exit = before != last.end() && kExit.match(key(*before->second.first));
    if (!has_exit || kExit.match(key(f))) last[prefix.path] = {&f, prefix.kind};
  }
  bool all = false;
  for (auto it = last.begin(); it != last.end(); ++it) {
    const auto next = std::next(it);  // in lexical order what lies inside comes right after
    if (next != last.end() && is_part(next->first, it->first)) continue;
    const auto& [f, kind] = it->second;
    if (kind != Kind::head && model.in_block(*f, it->first.size())) continue;
    heads.emplace(f->tensor, "output head by name");
    all = all || kind != Kind::moment;
  }
  return all;
}

// What is no layer but the weight of a head of its own type: ArcFace, cosine classifiers.
bool is_head_by_type(const Fact& f) {
  if (!f.known || !is_bare(f) || f.shape.size() != 2) return false;
  const auto type = kind(f);
  const auto has = [&](const char* text) { return type.find(text) != std::string::npos; };
  return type == "Unembed" || has("ArcFace") || has("ArcMargin") || has("CosFace") ||
         has("Cosine") || has("Classifier") || has("Prototype");
}

// The last linear layer, where it has the shape of the largest embedding.
const Fact* find_by_shape(const Model& model) {
  const std::vector<int64_t>* table = nullptr;
  const Fact* last = nullptr;
  for (const auto& f : model.places()) {
    if (is_embedding(f) && f.shape.size() == 2 && (!table || *table < f.shape)) table = &f.shape;
    if (is_output(f) && !is_embedding(f)) last = &f;
  }
  if (!table || !last || last->shape != *table || (*table)[0] <= (*table)[1]) return nullptr;
  return std::any_of(last->path.begin(), last->path.end(), is_number) && model.in_block(*last)
             ? nullptr
             : last;
}

// Names alone may be a part of a model, chosen by hand: only with vectors it is taken as whole.
bool is_whole(const Model& model) {
  const auto& all = model.places();
  return std::any_of(all.begin(), all.end(),
                     [](const Fact& f) { return f.known || f.stacked || f.shape.size() < 2; });
}

// The last layer, unless it lies in a block, or what it computes is mixed or normalised further.
const Fact* find_last(const Model& model) {
  const Fact *last = nullptr, *decoded = nullptr;
  int64_t layers = 0;
  for (const auto& f : model.places()) {
    layers += wide_dims(f) > 1 && !kBias.match(f.leaf) && model.is_first(f);
    if (!is_output(f) || any_step(f, kBranch)) continue;
    last = &f;
    if (f.path.size() > 1 && f.path[0] == "decoder") decoded = &f;
  }
  if (decoded && !last->path.empty() && last->path[0] == "encoder") last = decoded;
  if (!last || layers < 2 || !is_whole(model) || last->says == "none") return nullptr;
  const bool inner = any_step(*last, kNoHead) || any_type(*last, "Pool") || model.in_block(*last) ||
                     model.is_followed_by_norm(*last) || model.is_of_embedding(*last) ||
                     (!last->path.empty() && kAttentionInput.match(last->path.back()));
  return inner ? nullptr : last;
}

bool has_tied_output(const Model& model) {
  const auto& all = model.places();
  return std::any_of(all.begin(), all.end(), [&](const Fact& f) {
    return is_output(f) && model.is_tied(f) && model.is_of_embedding(f);
  });
}

// Names alone: a matrix of many rows is a table of words, or leads to them.
bool is_vocabulary(const Fact& f) {
  return !f.known && f.shape.size() == 2 && f.shape[0] >= kMinVocabulary &&
         f.shape[0] > 4 * f.shape[1];
}

}  // namespace

std::unordered_map<int64_t, std::string> find_heads(const Model& model) {
  Heads heads;
  for (const auto& f : model.places()) {
    if (!f.asked.empty()) heads.emplace(f.tensor, "output head: " + f.asked);
    if (is_head_by_type(f)) heads.emplace(f.tensor, "output head: " + kind(f));
  }
  bool all = !heads.empty() || has_tied_output(model);
  all = add_named(model, heads) || all;
  const Fact* last = find_last(model);
  const bool says_so = last && last->path.size() == 1 && kLast.match(last->path[0]);
  if (says_so && (last->says != "head" || heads.empty())) {
    heads.emplace(last->tensor, "output head by name");
  } else if (const Fact* shaped = all ? nullptr : find_by_shape(model)) {
    heads.emplace(shaped->tensor, "output head by shape, an embedding's");
  } else if (last && !all) {
    heads.emplace(last->tensor, "output head by position: the last layer");
  }
  for (const auto& f : model.places()) {
    if (is_vocabulary(f)) heads.emplace(f.tensor, "embedding or output head by shape");
  }
  return heads;
}

}  // namespace steepest::routing
