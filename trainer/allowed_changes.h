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
  // Allows no change.
  AllowedChanges() = default;
  // Allows what the words of --allow-change say; throws ConfigError for a word that is no such key
  // and none of lr, steps and schedule, with the nearest.
  explicit AllowedChanges(std::vector<std::string> words);

  // Whether the option of this key may differ, by its own name or by a word that stands for it.
  bool contains(const std::string& key) const;

 private:
  std::vector<std::string> words_;
};

// Returns how a message on a key that differs ends: with the --allow-change that allows it, or ""
// for a key that must not change.
std::string allowing_option(const std::string& key);

}  // namespace steepest::trainer
