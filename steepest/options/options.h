// SPDX-License-Identifier: Apache-2.0
// The one table of options. C++ overrides, JSON, run files, checkpoints, Python and the docs read,
// check, print and explain an option by its row here. CONTRIBUTING.md says how to add one.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "steepest/recipe.h"

namespace steepest {

// Whose choice an option is where it is given for the whole network. A group of parameters may set
// every option but those of `network` and `backup` for itself, of whichever role it is.
enum class Scope {
  network,   // one choice for all parameters
  both,      // the matrices and the rest
  momentum,  // the matrices; the rest too, in a recipe whose two sides have one momentum map
  matrix,    // the matrices
  backup     // the rest: backup_<name> of an option of the three scopes above
};

// Where a saved state may go on under another value of the option. Each includes those before it.
enum class MayChange {
  never,          // the option says what the state means
  in_state_dict,  // torch's load_state_dict brings its own value along
  in_file,        // rates, and how a direction is computed: a file's state goes on under any value
  in_run          // an interrupted run of the trainer, too
};

// Of a number, or of each in a list.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;  // the bound itself is not allowed

  bool holds(double value) const;  // false for NaN and the infinities
  bool bounded() const;            // false: any finite number
};

// The value of an option, whatever its type; monostate where nothing is chosen.
using OptionValue = std::variant<std::monostate, bool, int64_t, double, std::string,
                                 std::vector<double>, std::vector<int64_t>>;

// The member of Overrides that holds the user's value of an option, unset where none was given.
template <typename T>
using SaidAs = std::optional<T> Overrides::*;
using Said = std::variant<SaidAs<bool>, SaidAs<int64_t>, SaidAs<double>, SaidAs<std::string>,
                          SaidAs<std::vector<double>>, SaidAs<std::vector<int64_t>>>;

// How a Recipe, or the Choices for its matrices or its backup, hold the value of an option.
template <typename Target>
struct Binding {
  // Sets the target's field to the value that the overrides hold of the option; leaves it as it is
  // where they hold none. Throws c10::ValueError for a value that is not allowed.
  std::function<void(Target&, const Overrides&)> set = {};
  // Returns what the target's field holds.
  std::function<OptionValue(const Target&)> get = {};
  // Sets the field of `to` as it is in `from`.
  std::function<void(Target& to, const Target& from)> copy = {};
};

// Which values an option may be given.
struct Allowed {
  Range range = {};                     // of numbers
  std::vector<std::string> names = {};  // of a text: all that is allowed; empty: anything
  std::vector<std::string> examples = {};
  bool number_too = false;  // a text that may be written as a number
};

// A row of the table.
struct Option {
  std::string name;
  Scope scope;
  std::string side;  // its name within a side, the same but for `backup`: backup_lr is lr there
  std::string help;
  Said said;
  Binding<Recipe> in_recipe = {};  // of scope network
  Binding<Choices> in_side = {};   // of the others
  Allowed allowed = {};
  MayChange may_change = MayChange::never;
  bool may_be_open = false;  // unset, it is up to the method or the parameter
  bool later = false;        // came after 0.1: what does not mention it has its default

  // Whether the overrides hold a value of this option.
  bool is_said(const Overrides& overrides) const;
};

// Returns the table of all options, which is made once.
const std::vector<Option>& options();
const Option* find_option(const std::string& name);  // null where there is none

const std::vector<std::string>& names_of(Scope);
const std::vector<std::string>& names_of(MayChange);

}  // namespace steepest
