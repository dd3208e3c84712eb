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

bool is_color(const std::string& step) {  // of a picture, at each resolution
  return step == "to_rgb" || step == "torgb" || step == "toRGB";
}

// No head lies in what this step names.
bool ends_search(const std::string& step) {
  return is_number(step) || (!is_color(step) && kNoHead.match(step));
}

// The value of an attention, not of a state.
bool is_value(const Fact& f, size_t i, const Model& model) {
  return model.holds_attention(joined(f.path, i)) && kNetwork.match(f.path[i]);
}

bool is_outermost_output(const Fact& f) {
  return f.path.size() <= 2 && (f.path[0] == "out" || f.path[0] == "output");
}

// What step i of the path says by itself; an empty path where it says nothing.
Prefix prefix_at(const Fact& f, size_t i, const Model& model) {
  const auto& step = f.path[i];
  if (is_value(f, i, model)) return {};
  if (kHead.match(step)) {
    if (model.holds_attention(joined(f.path, i + 1))) return {};
    const auto type = type_at(f, i + 1);
    const bool many = type == "ModuleList" || type == "ModuleDict";
    return {first_steps(f.path, i + 1 + many), Kind::head};
  }
  if (kNetwork.match(step) || kMoment.match(step)) {
    if (i > 0 && kFeatures.match(f.path[i - 1])) return {};
    return {first_steps(f.path, i + 1), kNetwork.match(step) ? Kind::network : Kind::moment};
  }
  if (i == 0 && is_outermost_output(f)) return {first_steps(f.path, 1), Kind::head};
  return {};
}

// What follows an attention pooling is the head, and not the pooling that is so named.
bool is_named_pooling(const Fact& f, size_t i, const Model& model) {
  return !is_value(f, i, model) && kHead.match(f.path[i]) &&
         type_at(f, i + 1).find("Pool") != std::string::npos;
}

// The innermost head or network around a layer, outside numbered layers.
Prefix head_prefix(const Fact& f, const Model& model) {
  Prefix found;
  for (size_t i = 0; i < f.path.size(); ++i) {
    if (f.path[i].find("router") != std::string::npos) return {};
    if (ends_search(f.path[i])) break;
    if (is_named_pooling(f, i, model)) return {};
    if (auto here = prefix_at(f, i, model); !here.path.empty()) found = std::move(here);
  }
  return found;
}

bool is_part(const Path& inner, const Path& outer) {
  return inner.size() > outer.size() && std::equal(outer.begin(), outer.end(), inner.begin());
}

// The last layer below each name of a head. Where the model was asked for its output, only layers
// that are themselves so named: a "head" may then be what stands before it.
std::map<Path, std::pair<const Fact*, Kind>> last_of_prefixes(const Model& model) {
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
  return last;
}

// Adds the layers of the innermost names. Returns whether these are all: a mean may be an
// encoder's.
bool add_named(const Model& model, Heads& heads) {
  const auto last = last_of_prefixes(model);
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

// Its shape; nullptr where there is none.
const std::vector<int64_t>* largest_embedding(const Model& model) {
  const std::vector<int64_t>* table = nullptr;
  for (const auto& f : model.places()) {
    if (is_embedding(f) && f.shape.size() == 2 && (!table || *table < f.shape)) table = &f.shape;
  }
  return table;
}

// The last linear layer, where it has the shape of the largest embedding.
const Fact* find_by_shape(const Model& model) {
  const auto* table = largest_embedding(model);
  const Fact* last = nullptr;
  for (const auto& f : model.places()) {
    if (is_output(f) && !is_embedding(f)) last = &f;
  }
  if (!table || !last) return nullptr;
  const bool like = last->shape == *table && (*table)[0] > (*table)[1];
  const bool numbered = std::any_of(last->path.begin(), last->path.end(), is_number);
  return like && !(numbered && model.in_block(*last)) ? last : nullptr;
}

// Names alone may be a part of a model, chosen by hand: only with vectors it is taken as whole.
bool is_whole(const Model& model) {
  const auto& all = model.places();
  return std::any_of(all.begin(), all.end(),
                     [](const Fact& f) { return f.known || f.stacked || f.shape.size() < 2; });
}

bool has_several_layers(const Model& model) {
  const auto& all = model.places();
  return std::count_if(all.begin(), all.end(), [&](const Fact& f) {
           return wide_dims(f) > 1 && !kBias.match(f.leaf) && model.is_first(f);
         }) > 1;
}

// The last in order; the decoder's where the encoder is registered after it.
const Fact* last_output(const Model& model) {
  const Fact *last = nullptr, *decoded = nullptr;
  for (const auto& f : model.places()) {
    if (!is_output(f) || any_step(f, kBranch)) continue;
    last = &f;
    if (f.path.size() > 1 && f.path[0] == "decoder") decoded = &f;
  }
  const bool encoded = decoded && !last->path.empty() && last->path[0] == "encoder";
  return encoded ? decoded : last;
}

// Whether a layer lies in a block, or what it computes is mixed or normalised further.
bool is_inner(const Fact& f, const Model& model) {
  return any_step(f, kNoHead) || any_type(f, "Pool") || model.in_block(f) ||
         model.is_followed_by_norm(f) || model.is_of_embedding(f) ||
         (!f.path.empty() && kAttentionInput.match(f.path.back()));
}

// The last layer of a whole model of several, unless that is an inner one.
const Fact* find_last(const Model& model) {
  const Fact* last = last_output(model);
  if (!last || last->says == "none" || !has_several_layers(model) || !is_whole(model)) {
    return nullptr;
  }
  return is_inner(*last, model) ? nullptr : last;
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

// What the model itself, or a layer's type, calls so.
Heads certain_heads(const Model& model) {
  Heads heads;
  for (const auto& f : model.places()) {
    if (!f.asked.empty()) heads.emplace(f.tensor, "output head: " + f.asked);
    if (is_head_by_type(f)) heads.emplace(f.tensor, "output head: " + kind(f));
  }
  return heads;
}

// The last layer, where it says so or where `all` are not found yet.
void add_last(const Model& model, bool all, Heads& heads) {
  const Fact* last = find_last(model);
  const bool says_so = last && last->path.size() == 1 && kLast.match(last->path[0]);
  if (says_so && (last->says != "head" || heads.empty())) {
    heads.emplace(last->tensor, "output head by name");
  } else if (const Fact* shaped = all ? nullptr : find_by_shape(model)) {
    heads.emplace(shaped->tensor, "output head by shape, an embedding's");
  } else if (last && !all) {
    heads.emplace(last->tensor, "output head by position: the last layer");
  }
}

}  // namespace

std::unordered_map<int64_t, std::string> find_heads(const Model& model) {
  Heads heads = certain_heads(model);
  bool all = !heads.empty() || has_tied_output(model);
  all = add_named(model, heads) || all;
  add_last(model, all, heads);
  for (const auto& f : model.places()) {
    if (is_vocabulary(f)) heads.emplace(f.tensor, "embedding or output head by shape");
  }
  return heads;
}

}  // namespace steepest::routing
