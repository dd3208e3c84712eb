// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/heads.h"

#include <algorithm>
#include <map>

#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

using Path = std::vector<std::string>;
using Heads = std::unordered_map<int64_t, std::string>;  // Fact::tensor to the reason
constexpr int64_t kMinVocabulary = 8192;  // rows, from which on a matrix may be a vocabulary's

// What a module's name says of its last layer: an output head's; a network's (actor, critic), so a
// head; or that of a mean or a deviation, which may also end an encoder.
enum class Kind { head, network, moment };

// The path down to a module that is named as one of these; empty: none.
struct Prefix {
  Path path;
  Kind kind = Kind::head;
};

// Whether one of the modules that lead down to the parameter, from number `from` of its path (the
// modules' names, from the root's child on), has one of these names.
bool has_step_named(const Fact& f, const Names& names, size_t from = 0) {
  const auto begin = f.path.begin() + static_cast<std::ptrdiff_t>(std::min(from, f.path.size()));
  return std::any_of(begin, f.path.end(), [&](const auto& step) { return names.match(step); });
}

// Whether a module around the parameter, at any depth, has a type whose name contains the fragment.
bool lies_in_type(const Fact& f, const std::string& fragment) {
  return std::any_of(f.around.begin(), f.around.end(),
                     [&](const auto& type) { return type.find(fragment) != std::string::npos; });
}

// Returns the path of the module that the first `steps` names of a path lead to: these names, or
// all where there are fewer.
Path first_steps(const Path& path, size_t steps) {
  return {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(std::min(steps, path.size()))};
}

// Returns the type of the module that the first `steps` names of the parameter's path lead to, the
// root's for 0; "" where it is not known.
std::string type_at(const Fact& f, size_t steps) {
  return steps < f.around.size() ? f.around[steps] : "";
}

// Whether this is the name of a layer by which an image generator gives a picture, one at each
// resolution.
bool is_color_output(const std::string& step) {
  return step == "to_rgb" || step == "torgb" || step == "toRGB";
}

// Whether no output head lies in a module of this name: a numbered layer, an attention, a pooling
// or a router; a layer that gives a picture may be one.
bool holds_no_head(const std::string& step) {
  return is_number(step) || (!is_color_output(step) && kNoHead.match(step));
}

// Whether the module f.path[i] is the "value" of an attention, not the value network of a policy:
// layers below the module around it are named as an attention's query, key or value.
bool is_attention_value(const Fact& f, size_t i, const Model& model) {
  return model.holds_attention(path_prefix(f.path, i)) && kNetwork.match(f.path[i]);
}

// Whether the parameter's path, which is not empty, begins with a module named out or output, and
// goes at most one module further: deeper in a model, these names are a block's.
bool is_outermost_output(const Fact& f) {
  return f.path.size() <= 2 && (f.path[0] == "out" || f.path[0] == "output");
}

// Returns the path of the module f.path[i] and the kind of head that its name tells (see Kind); of
// a list of several heads, the path of the one in which f lies. An empty path where the name tells
// none, or where the module holds an attention or is its "value", as no head does.
Prefix head_at_step(const Fact& f, size_t i, const Model& model) {
  const auto& step = f.path[i];
  if (is_attention_value(f, i, model)) return {};
  if (kHead.match(step)) {
    if (model.holds_attention(path_prefix(f.path, i + 1))) return {};
    const auto type = type_at(f, i + 1);
    const bool is_list = type == "ModuleList" || type == "ModuleDict";
    return {first_steps(f.path, i + 1 + is_list), Kind::head};
  }
  if (kNetwork.match(step) || kMoment.match(step)) {
    if (i > 0 && kFeatures.match(f.path[i - 1])) return {};
    return {first_steps(f.path, i + 1), kNetwork.match(step) ? Kind::network : Kind::moment};
  }
  if (i == 0 && is_outermost_output(f)) return {first_steps(f.path, 1), Kind::head};
  return {};
}

// Whether the module f.path[i] is named as a head but is an attention pooling by its type: the head
// is then what follows it.
bool is_named_pooling(const Fact& f, size_t i, const Model& model) {
  return !is_attention_value(f, i, model) && kHead.match(f.path[i]) &&
         type_at(f, i + 1).find("Pool") != std::string::npos;
}

// Returns the innermost module named as a head or network that a layer lies in, as the path down to
// it; an empty path where there is none. The search from the root ends at a module that holds no
// head, such as a numbered layer; in a router or an attention pooling nothing is a head.
Prefix innermost_head(const Fact& f, const Model& model) {
  Prefix found;
  for (size_t i = 0; i < f.path.size(); ++i) {
    if (f.path[i].find("router") != std::string::npos) return {};
    if (holds_no_head(f.path[i])) break;
    if (is_named_pooling(f, i, model)) return {};
    if (auto here = head_at_step(f, i, model); !here.path.empty()) found = std::move(here);
  }
  return found;
}

// Whether the module of path `inner` lies within that of path `outer`.
bool is_below(const Path& inner, const Path& outer) {
  return inner.size() > outer.size() && std::equal(outer.begin(), outer.end(), inner.begin());
}

// Maps the path of each module named as a head to its output: its last layer in the order of
// registration, side branches left out, or one named as an exit (fc_out), with the Kind of the
// module's name. {"head"} of head.fc_out and head.fc has head.fc_out.weight. Where the model has
// told its output layer (says == "head", see Fact), a layer counts only if the name "head" is its
// own, as a module named so may then be what comes before the output.
std::map<Path, std::pair<const Fact*, Kind>> last_layer_of_each_head(const Model& model) {
  std::map<Path, std::pair<const Fact*, Kind>> last;
  for (const auto& f : model.places()) {
    if (!is_layer_weight(f)) continue;
    const auto prefix = innermost_head(f, model);
    if (prefix.path.empty() || (f.says == "head" && prefix.path != f.path)) continue;
    if (has_step_named(f, kBranch, prefix.path.size())) continue;
    const auto before = last.find(prefix.path);
    const bool has_exit = before != last.end() && kExit.match(purpose_name(*before->second.first));
    if (!has_exit || kExit.match(purpose_name(f))) last[prefix.path] = {&f, prefix.kind};
  }
  return last;
}

// Adds to `heads`, which maps tensors to reasons, the output layers of the innermost modules that
// are named as heads. Returns whether a certain one is among them, so that no others need to be
// looked for: a layer of a mean or a deviation (Kind::moment) is not certain, as it may end an
// encoder.
bool add_named_heads(const Model& model, Heads& heads) {
  const auto last = last_layer_of_each_head(model);
  bool certain = false;
  for (auto it = last.begin(); it != last.end(); ++it) {
    const auto next = std::next(it);  // in lexical order what lies inside comes right after
    if (next != last.end() && is_below(next->first, it->first)) continue;
    const auto& [f, kind] = it->second;
    if (kind != Kind::head && model.lies_in_block(*f, it->first.size())) continue;
    heads.emplace(f->tensor, "output head by name");
    certain = certain || kind != Kind::moment;
  }
  return certain;
}

// Whether a matrix that is no linear layer's weight is a head by the type of the module that owns
// it: ArcFace, cosine classifiers, prototypes.
bool is_head_by_type(const Fact& f) {
  if (!f.known || !is_bare(f) || f.shape.size() != 2) return false;
  const auto type = owner_type(f);
  const auto has = [&](const char* text) { return type.find(text) != std::string::npos; };
  return type == "Unembed" || has("ArcFace") || has("ArcMargin") || has("CosFace") ||
         has("Cosine") || has("Classifier") || has("Prototype");
}

// Returns the shape [entries, width] of the model's embedding that has the most entries; nullptr
// where it has no embedding of two dimensions. It points into the model.
const std::vector<int64_t>* largest_embedding_shape(const Model& model) {
  const std::vector<int64_t>* table = nullptr;
  for (const auto& f : model.places()) {
    if (is_embedding(f) && f.shape.size() == 2 && (!table || *table < f.shape)) table = &f.shape;
  }
  return table;
}

// Returns the model's last layer, where it has the shape of the largest embedding, with more rows
// than columns, and lies in no block: it then gives a score for each word. Else nullptr.
const Fact* find_head_by_shape(const Model& model) {
  const auto* table = largest_embedding_shape(model);
  const Fact* last = nullptr;
  for (const auto& f : model.places()) {
    if (is_layer_weight(f) && !is_embedding(f)) last = &f;
  }
  if (!table || !last) return nullptr;
  const bool like = last->shape == *table && (*table)[0] > (*table)[1];
  const bool numbered = std::any_of(last->path.begin(), last->path.end(), is_number);
  return like && !(numbered && model.lies_in_block(*last)) ? last : nullptr;
}

// Whether the parameters are a whole model's, so that the last one may be its head. Where only
// names are known they may be some matrices that were chosen by hand; a vector among them, such as
// a bias, shows that they are not.
bool is_whole_model(const Model& model) {
  const auto& all = model.places();
  return std::any_of(all.begin(), all.end(),
                     [](const Fact& f) { return f.known || f.stacked || f.shape.size() < 2; });
}

// Whether more than one parameter is a matrix by its shape, biases left out and tied ones counted
// once: a model of one layer alone has no head to be told from the rest.
bool has_several_layers(const Model& model) {
  const auto& all = model.places();
  return std::count_if(all.begin(), all.end(), [&](const Fact& f) {
           return count_wide_dims(f) > 1 && !kBias.match(f.leaf) && model.is_first(f);
         }) > 1;
}

// Returns the last layer in the order of registration, side branches left out; the decoder's last
// where the encoder is registered after it; nullptr where there is none.
const Fact* last_layer(const Model& model) {
  const Fact *last = nullptr, *decoded = nullptr;
  for (const auto& f : model.places()) {
    if (!is_layer_weight(f) || has_step_named(f, kBranch)) continue;
    last = &f;
    if (f.path.size() > 1 && f.path[0] == "decoder") decoded = &f;
  }
  const bool ends_with_encoder = decoded && !last->path.empty() && last->path[0] == "encoder";
  return ends_with_encoder ? decoded : last;
}

// Whether a layer is no head, although it is the last one: it lies in a block or a pooling,
// computes an attention's query, key or value, is followed by a norm, or shares an embedding's
// weight.
bool is_inner_layer(const Fact& f, const Model& model) {
  return has_step_named(f, kNoHead) || lies_in_type(f, "Pool") || model.lies_in_block(f) ||
         model.is_followed_by_norm(f) || model.is_embedding_tensor(f) ||
         (!f.path.empty() && kAttentionInput.match(f.path.back()));
}

// Returns the last layer of a whole model of several layers, which is then taken for its head;
// nullptr for any other model, where that layer is an inner one, or where the model, asked for its
// head, has named none.
const Fact* find_head_by_position(const Model& model) {
  const Fact* last = last_layer(model);
  if (!last || last->says == "none" || !has_several_layers(model) || !is_whole_model(model)) {
    return nullptr;
  }
  return is_inner_layer(*last, model) ? nullptr : last;
}

// Whether some layer of the model shares its weight with an embedding: it is then the output head,
// so that no other need be looked for.
bool has_tied_output(const Model& model) {
  const auto& all = model.places();
  return std::any_of(all.begin(), all.end(), [&](const Fact& f) {
    return is_layer_weight(f) && model.is_tied(f) && model.is_embedding_tensor(f);
  });
}

// Whether a matrix of which only name and shape are known has so many rows, kMinVocabulary at least
// and over four times its columns, that it is a table of words, or leads to them.
bool is_vocabulary_matrix(const Fact& f) {
  return !f.known && f.shape.size() == 2 && f.shape[0] >= kMinVocabulary &&
         f.shape[0] > 4 * f.shape[1];
}

// Returns the output heads that the model itself names when it is asked (by get_output_embeddings()
// or get_classifier()), or that the type of a layer tells, as a map from tensor to reason.
Heads certain_heads(const Model& model) {
  Heads heads;
  for (const auto& f : model.places()) {
    if (!f.asked.empty()) heads.emplace(f.tensor, "output head: " + f.asked);
    if (is_head_by_type(f)) heads.emplace(f.tensor, "output head: " + owner_type(f));
  }
  return heads;
}

// Adds the model's last layer to `heads`, which maps tensors to reasons, where its name says that
// it is a head, or, where heads may be missing (not `complete`), where its shape or its position
// does. Where the model itself has named its head when asked, and `heads` has that, the name does
// not count.
void add_last_layer(const Model& model, bool complete, Heads& heads) {
  const Fact* last = find_head_by_position(model);
  const bool says_so = last && last->path.size() == 1 && kLast.match(last->path[0]);
  if (says_so && (last->says != "head" || heads.empty())) {
    heads.emplace(last->tensor, "output head by name");
  } else if (const Fact* shaped = complete ? nullptr : find_head_by_shape(model)) {
    heads.emplace(shaped->tensor, "output head by shape, an embedding's");
  } else if (last && !complete) {
    heads.emplace(last->tensor, "output head by position: the last layer");
  }
}

}  // namespace

std::unordered_map<int64_t, std::string> find_heads(const Model& model) {
  Heads heads = certain_heads(model);
  bool complete = !heads.empty() || has_tied_output(model);
  complete = add_named_heads(model, heads) || complete;
  add_last_layer(model, complete, heads);
  for (const auto& f : model.places()) {
    if (is_vocabulary_matrix(f)) heads.emplace(f.tensor, "embedding or output head by shape");
  }
  return heads;
}

}  // namespace steepest::routing
