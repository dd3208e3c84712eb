// SPDX-License-Identifier: Apache-2.0
// An experiment as its folder tells it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trainer/sweep/sweep_spec.h"

namespace steepest::trainer {

constexpr char kUntested[] = "not tested";

// What numbers are of.
struct Unit {
  std::string after;  // a number: "nats"
  std::string name;   // in full: "nats of validation loss"

  bool operator==(const Unit&) const = default;
};

// One claim, what the paper has of it, and what the runs have.
struct Contrast {
  std::string id, claim;
  std::string expression, over;     // what is compared: "reg - con", "mean of 9 rows"
  std::string verdict;              // "not tested" where there is none
  std::string why;                  // of the verdict, one sentence
  std::string side;                 // the paper's: ">", "<" or "="
  std::string source;               // whose claim it is: "claim of muon"
  Unit unit;                        // of the numbers
  double reference = 0;             // no effect: 0 of a difference, 1 of a ratio
  std::optional<double> paper;      // the paper's number
  std::string paper_text;           // where it is none: "9 of 9"
  std::optional<double> bound;      // the smallest effect that counts, or the margin's upper end
  std::optional<double> effect;     // ours
  std::optional<double> low, high;  // its interval: none where both are missing, else without bound
  // The interval of level .9 that must lie within the margin, or below the least effect, of a
  // verdict that there is none.
  std::optional<double> inner_low, inner_high;
  std::optional<double> level;  // of the interval: .95 or, adjusted, more
  std::optional<int64_t> seeds;
  std::string trials;            // of a row of each arm that is compared: "reg 5, con 12 to 16"
  std::vector<Contrast> by_row;  // each row's own effect, its name as the claim

  bool has_interval() const { return low || high; }
  bool is_tested() const { return verdict != kUntested; }
};

// The mean losses of a row by the rate.
struct RateWindow {
  std::string row;
  std::vector<std::pair<double, double>> points;  // rate as a multiple of the best one, loss
};

struct Experiment {
  std::string folder;  // where it lies
  std::string name;    // the folder's below the report's, "variants/lag"
  std::string title, question, paper;
  std::vector<Contrast> contrasts;
  std::vector<RateWindow> windows;
  std::vector<std::string> notes;                          // what else was found
  std::vector<SweepValue> lines;                           // of its table
  std::vector<std::pair<std::string, std::string>> files;  // settings: name, text
  std::vector<std::string> commands;                       // from its README
  std::vector<std::string> missing;                        // what is not there, a sentence each

  bool has_tested() const {
    return std::any_of(contrasts.begin(), contrasts.end(),
                       [](const auto& c) { return c.is_tested(); });
  }
  bool has_untested() const {
    return std::any_of(contrasts.begin(), contrasts.end(),
                       [](const auto& c) { return !c.is_tested(); });
  }
  // Whether there is a verdict, or anything else than claims and settings.
  bool has_result() const {
    return has_tested() || !windows.empty() || !notes.empty() || !lines.empty();
  }
};

}  // namespace steepest::trainer
