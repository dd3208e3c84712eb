// SPDX-License-Identifier: Apache-2.0
// The names of the closed sets of choices in options, TOML, Python and checkpoints.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "steepest/choices.h"
#include "steepest/view.h"

namespace steepest {

// Each returns the names of an enumeration in the order of its enumerators; the argument's value is
// not used.
const std::vector<std::string>& names_of(Outer);
const std::vector<std::string>& names_of(UpdateForm);
const std::vector<std::string>& names_of(StepSize);
const std::vector<std::string>& names_of(DualAge);
const std::vector<std::string>& names_of(DirectionStorage);
const std::vector<std::string>& names_of(BackupBlocks);
const std::vector<std::string>& names_of(MomoModel);
const std::vector<std::string>& names_of(MomentumForm);
const std::vector<std::string>& names_of(MomentumStart);
const std::vector<std::string>& names_of(MomentumPlace);
const std::vector<std::string>& names_of(Decay);
const std::vector<std::string>& names_of(Nonfinite);
const std::vector<std::string>& names_of(Role);

// Returns the name of an enumerator.
const std::string& name_of(auto choice) { return names_of(choice)[static_cast<size_t>(choice)]; }

// Returns the place of `text` in `names`; throws c10::ValueError with option, received and allowed.
size_t index_of_name(const std::string& option, const std::string& text,
                     const std::vector<std::string>& names);
// Sets `choice` to the enumerator of this name; throws c10::ValueError with option, received and
// allowed.
void read_choice(auto& choice, const std::string& option, const std::string& text) {
  using Choice = std::remove_reference_t<decltype(choice)>;
  choice = static_cast<Choice>(index_of_name(option, text, names_of(choice)));
}

}  // namespace steepest
