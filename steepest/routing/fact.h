// SPDX-License-Identifier: Apache-2.0
// What routing knows of a parameter. Each face gathers facts in its own way, from torch.nn modules
// in Python, from torch::nn in C++, or from names alone; the rules below are the same for all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace steepest::routing {

// Whole-number attributes of a module, flags as 0 and 1; those of its configuration stand under
// "config.<name>".
using Numbers = std::map<std::string, int64_t>;

struct Fact {
  std::string name;                 // as in named_parameters()
  std::vector<int64_t> shape;       // of one model's parameter, see `stacked`
  int64_t tensor = 0;               // equal for two places of one tied tensor
  bool known = false;               // the module that owns it is known; else only the name is
  std::vector<std::string> own;     // type names of the owner and of its bases, its own first
  std::vector<std::string> around;  // types of the modules from the root to the owner; may be empty
  std::string parent;               // full type of the module around the owner, lower case
  Numbers numbers, parent_numbers;
  std::string asked;  // the method by which a module calls this its output head
  std::string says;   // of the module around that was asked: "head", "none", or "" if none was

  // Found by resolve_names():
  std::vector<std::string> path;  // of the owner, without wrappers and parametrizations
  std::string leaf;               // the parameter's own name, "weight" for weight_v as well
  bool gain = false;              // the magnitude of a weight norm
  bool stacked = false;           // of an ensemble: `shape` is without its first dimension
};

std::string kind(const Fact& f);  // the owner's type, "" if unknown
std::string key(const Fact& f);   // what says what it does: "q_proj" of q_proj.weight
std::string word(const Fact& f);  // its own name; of the entries of a list, the list's
bool is_a(const Fact& f, const std::string& type);          // the owner, or one of its bases
bool kind_has(const Fact& f, const std::string& fragment);  // in the owner's own type
bool is_convolution(const Fact& f);
bool is_linear(const Fact& f);  // by its name alone where nothing else is known
bool is_lora(const Fact& f);
bool is_bare(const Fact& f);    // neither linear nor convolution
bool is_output(const Fact& f);  // can be an output layer
bool is_embedding(const Fact& f);
int64_t wide_dims(const Fact& f);  // dimensions that are not 1

// The first of these attributes that is positive: the module's own, then its configuration's.
std::optional<int64_t> number(const Numbers& numbers, const std::vector<std::string>& names);
std::optional<bool> flag(const Numbers& numbers, const std::string& name);

std::string joined(const std::vector<std::string>& path, size_t steps);

// Fills in path, leaf, gain and stacked: wrappers (module., _orig_mod., a lone child) are left out,
// weight_v, weight_orig and parametrizations.weight.original1 become the owner's "weight".
void resolve_names(std::vector<Fact>& facts);

}  // namespace steepest::routing
