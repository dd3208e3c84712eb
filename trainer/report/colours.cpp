// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/colours.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "trainer/report/chart.h"

namespace steepest::trainer {
namespace {

// A name, and the experiments that have it, by their numbers.
struct Named {
  std::string name;
  std::set<size_t> experiments;
};

// The names of an experiment's curves.
std::vector<std::string> names_of(const Experiment& experiment) {
  std::vector<std::string> names;
  for (const auto& line : experiment.lines) names.push_back(line["arm"].get<std::string>());
  for (const auto& window : experiment.windows) names.push_back(window.row);
  return names;
}

// All names, those of most experiments first, else in the order of the page.
std::vector<Named> all_names(const std::vector<Experiment>& experiments) {
  std::vector<Named> all;
  for (size_t i = 0; i < experiments.size(); ++i) {
    for (const auto& name : names_of(experiments[i])) {
      auto known = std::find_if(all.begin(), all.end(),
                                [&](const auto& entry) { return entry.name == name; });
      if (known == all.end()) known = all.insert(all.end(), {name, {}});
      known->experiments.insert(i);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.experiments.size() > b.experiments.size();
  });
  return all;
}

}  // namespace

Styles styles_of(const std::vector<Experiment>& experiments) {
  std::array<size_t, kColours> uses{};                    // of each colour
  std::array<std::set<size_t>, kColours> experiments_of;  // which have a curve of it
  Styles styles;
  for (const auto& one : all_names(experiments)) {
    const auto clashes = [&](size_t colour) {
      return std::count_if(one.experiments.begin(), one.experiments.end(),
                           [&](size_t i) { return experiments_of[colour].contains(i); });
    };
    size_t best = 0;
    for (size_t colour = 1; colour < kColours; ++colour)
      if (std::pair(clashes(colour), uses[colour]) < std::pair(clashes(best), uses[best]))
        best = colour;
    experiments_of[best].insert(one.experiments.begin(), one.experiments.end());
    styles.emplace(one.name, best + kColours * uses[best]++);
  }
  return styles;
}

}  // namespace steepest::trainer
