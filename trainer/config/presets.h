// SPDX-License-Identifier: Apache-2.0
// Published experiments as run files that have a name.
#pragma once

#include <string>
#include <vector>

namespace steepest::trainer {

struct Preset {
  std::string name;     // "track3"
  std::string summary;  // one line: what it is, and whose
  std::string text;     // a run file without run.out; data.path is where its data are looked for
};

// All of them, in the order in which `steepest list --presets` shows them.
const std::vector<Preset>& presets();
// Their names.
std::vector<std::string> preset_names();
// The preset of this name; nullptr where there is none.
const Preset* find_preset(const std::string& name);

}  // namespace steepest::trainer
