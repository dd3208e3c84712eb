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

// What is known of one parameter, or of one place of a tied one.
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
  // The module that owns the parameter, as the names that lead down to it from the root ("layers",
  // "3"), its steps; without wrappers and parametrizations.
  std::vector<std::string> path;
  std::string leaf;      // the parameter's own name, "weight" for weight_v as well
  bool gain = false;     // the magnitude of a weight norm
  bool stacked = false;  // of an ensemble: `shape` is without its first dimension
};

// Returns the type name of the module that owns the parameter, without the "Parametrized" that
// torch puts before it; "" where the module is not known.
std::string owner_type(const Fact& f);
// Returns the name that tells what the parameter is for: its layer's ("q_proj" of q_proj.weight),
// or its own where that says more than "weight" or "kernel" ("in_proj_weight").
std::string purpose_name(const Fact& f);
// Returns the parameter's name within its module ("bias"); for a numbered entry of a ParameterList
// ("tokens.0"), the list's ("tokens").
std::string own_name(const Fact& f);
// Whether the module that owns the parameter is of this type, or of one derived from it.
bool is_a(const Fact& f, const std::string& type);
// Whether the type name of the module that owns the parameter contains the fragment.
bool owner_type_contains(const Fact& f, const std::string& fragment);
// Whether the parameter is a convolution's weight, told by the owner's type, or by name and shape
// where the type is not known.
bool is_convolution_weight(const Fact& f);
// Whether the parameter is a linear layer's weight of two dimensions, told by the owner's type, or
// by the name "weight" alone where the type is not known.
bool is_linear_weight(const Fact& f);
// Whether the parameter is one of the two factors of a LoRA adapter, told by its name.
bool is_lora(const Fact& f);
// Whether the parameter is the weight of neither a linear layer nor a convolution, so that only its
// own name and shape tell what it is: biases, gains, tables, tokens.
bool is_bare(const Fact& f);
// Whether the parameter is the weight of a linear layer or a convolution that may be an output
// layer: no factor of an adapter, no magnitude of a weight norm.
bool is_layer_weight(const Fact& f);
// Whether the parameter is the table of an embedding, told by the owner's type, or by its layer's
// name where the type is not known.
bool is_embedding(const Fact& f);
// Returns how many dimensions of the parameter are not 1: with fewer than two it is no matrix.
int64_t count_wide_dims(const Fact& f);

// Returns the value of the first of the attributes `names` that is positive, looked for among the
// module's own, then among its configuration's ("config.<name>"); nothing where none is. A list of
// names, since models call the same number differently.
std::optional<int64_t> find_number(const Numbers& numbers, const std::vector<std::string>& names);
// Returns a module's own attribute of this name as yes or no; nothing where it has none.
std::optional<bool> find_flag(const Numbers& numbers, const std::string& name);

// Returns the first `steps` names of a path, each followed by a dot, as a parameter's name begins:
// "layers.3." for 2 of {"layers", "3", "fc"}. `steps` is at most the path's length.
std::string path_prefix(const std::vector<std::string>& path, size_t steps);

// Fills in path, leaf, gain and stacked of all parameters of one model, in place: wrappers
// (module., _orig_mod., a lone child) are left out, weight_v, weight_orig and
// parametrizations.weight.original1 become the owner's "weight", and the first dimension of stacked
// models is taken from `shape`.
void resolve_names(std::vector<Fact>& facts);

}  // namespace steepest::routing
