// SPDX-License-Identifier: Apache-2.0
// --allow-change KEY: what a run may go on with otherwise than it began, because someone says so.
#pragma once

#include <string>
#include <vector>

namespace steepest::trainer {

// The options that may be allowed to change: the rates, the steps and the schedule, each by its key
// ("optimizer.lr", "group.0.lr", "schedule.kind") or together ("lr", "steps", "schedule").
class AllowedChanges {
 public:
  AllowedChanges() = default;
  // Throws ConfigError for a word that is none of these, with the nearest.
  explicit AllowedChanges(std::vector<std::string> words);

  // Whether the option of this key may differ.
  bool contains(const std::string& key) const;

 private:
  std::vector<std::string> words_;
};

// How a message on a key that differs ends: with the option that allows it, or where none does, "".
std::string allowing_option(const std::string& key);

}  // namespace steepest::trainer
