// SPDX-License-Identifier: Apache-2.0
// The parameters of one model, and what a rule has to know of all of them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "steepest/routing/fact.h"

namespace steepest::routing {

// What the rules ask of a parameter that its own fact does not tell; all questions take a fact of
// places().
class Model {
 public:
  // Resolves the names of the facts and indexes them by name, tensor and module.
  explicit Model(std::vector<Fact> places);

  // Returns all parameters in their order; a tied one, which several modules share, once for each
  // of its names.
  const std::vector<Fact>& places() const { return places_; }
  // Whether f has the first of its tensor's names, not a further one of a tied parameter.
  bool is_first(const Fact& f) const;
  // Whether the tensor has another name too, as an output head that shares the embedding's table.
  bool is_tied(const Fact& f) const { return count_.at(f.tensor) > 1; }
  // Whether the tensor is an embedding's table, under this name or under another of its names.
  bool is_embedding_tensor(const Fact& f) const { return embeddings_.count(f.tensor) != 0; }

  // Returns the shape of the parameter named `leaf` in f's module, nullptr where there is none.
  const std::vector<int64_t>* shape_beside(const Fact& f, const std::string& leaf) const;
  // Returns all other parameters of f's module itself, not of its children.
  std::vector<const Fact*> siblings(const Fact& f) const;

  // Whether a layer lies in one of the repeated, numbered blocks of a model, such as layers.3 or
  // layer4; a numbered module that is the layer itself is none. Only the names of its path from
  // number `from` on are looked at.
  bool lies_in_block(const Fact& f, size_t from = 0) const;
  // Whether modules below the one of this prefix, "a.b." (see path_prefix()), compute a query, key
  // or value, told by their names.
  bool holds_attention(const std::string& prefix) const { return attention_.count(prefix) != 0; }
  // Whether a norm comes after the layer in the same numbered sequence (a Sequential), so that the
  // layer is no output. Where types are not known, a "weight" of one dimension counts as a norm.
  bool is_followed_by_norm(const Fact& f) const;

 private:
  // The numbered children of a module, and how many layers the one has in which `f` lies.
  struct Children {
    std::map<std::string, std::set<std::string>> parts;  // what each of them holds
    size_t layers = 0;
  };
  Children numbered_children(const Fact& f, size_t step) const;
  // Whether the numbered module f.path[step] is a block, one of several of a kind.
  bool is_block(const Fact& f, size_t step) const;

  std::vector<Fact> places_;
  std::unordered_map<std::string, std::vector<size_t>> below_;  // by prefix: see path_prefix()
  std::unordered_map<std::string, size_t> by_name_;
  std::unordered_map<int64_t, size_t> first_, count_;
  std::unordered_set<int64_t> embeddings_;     // tensors
  std::unordered_set<std::string> attention_;  // prefixes of the modules around an attention
};

// Whether a name in a module's path is a number, as the 3 of layers.3.
bool is_number(const std::string& step);
// Whether a norm owns the parameter, by its module's type, or by its name where no type is known.
bool is_norm(const Fact& f);

}  // namespace steepest::routing
