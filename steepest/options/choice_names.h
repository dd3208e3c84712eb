// SPDX-License-Identifier: Apache-2.0
// The names of the closed sets of choices in options, TOML, Python and checkpoints.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "steepest/choices.h"
#include "steepest/view.h"

namespace steepest {

// Each returns the names of an enumeration's values, as options and files have them, in the order
// of its enumerators, so that names_of(e)[i] is the name of the enumerator of value i. The
// argument's value is not used: its type chooses the overload.
const std::vector<std::string>& names_of(Outer);
const std::vector<std::string>& names_of(UpdateForm);
const std::vector<std::string>& names_of(StepSize);
const std::vector<std::string>& names_of(DualAge);
const std::vector<std::string>& names_of(DirectionStorage);
const std::vector<std::string>& names_of(BackupBlocks);
const std::vector<std::string>& names_of(MomoModel);
const std::vector<std::string>& names_of(FStarRule);
const std::vector<std::string>& names_of(MomentumForm);
const std::vector<std::string>& names_of(MomentumStart);
const std::vector<std::string>& names_of(MomentumPlace);
const std::vector<std::string>& names_of(Decay);
const std::vector<std::string>& names_of(Nonfinite);
const std::vector<std::string>& names_of(Role);

// Returns the name of an enumerator, as options and files have it.
const std::string& name_of(auto choice) { return names_of(choice)[static_cast<size_t>(choice)]; }

// Returns the index of `text` in `names`; where it is none of them, throws c10::ValueError with the
// option's name, what was received, what is allowed and the nearest name.
size_t index_of_name(const std::string& option, const std::string& text,
                     const std::vector<std::string>& names);
// Sets `choice`, of any enumeration that names_of knows, to the enumerator of the name `text`;
// throws c10::ValueError with option, received and allowed where there is none.
void read_choice(auto& choice, const std::string& option, const std::string& text) {
  using Choice = std::remove_reference_t<decltype(choice)>;
  choice = static_cast<Choice>(index_of_name(option, text, names_of(choice)));
}

}  // namespace steepest
