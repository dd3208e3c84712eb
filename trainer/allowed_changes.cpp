// SPDX-License-Identifier: Apache-2.0
#include "trainer/allowed_changes.h"

#include <algorithm>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/config/config.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// The words that stand for several keys.
const std::vector<std::string> kWords = {"lr", "steps", "schedule"};
// The keys but those of [[group]] tables, of which there may be any number.
const std::vector<std::string> kKeys = {
    "optimizer.lr",   "optimizer.backup_lr", "run.steps",
    "schedule.kind",  "schedule.warmup",     "schedule.constant_fraction",
    "schedule.floor", "schedule.base",       "schedule.path",
    "schedule.key",   "schedule.smooth",     "schedule.detrend"};

// Whether the list of words has this word.
bool is_one_of(const std::string& word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Returns which of kWords, the words of --allow-change for several keys, stands for this key; ""
// for a key that must not change.
std::string word_of(const std::string& key) {
  if (key.starts_with("group.") && key.ends_with(".lr")) return "lr";
  if (!is_one_of(key, kKeys)) return "";
  if (key.starts_with("schedule.")) return "schedule";
  return key == "run.steps" ? "steps" : "lr";
}

}  // namespace

// Keeps the words of --allow-change; throws ConfigError at the first that is neither one of kWords
// nor a key that may change.
AllowedChanges::AllowedChanges(std::vector<std::string> words) : words_(std::move(words)) {
  std::vector<std::string> known = kWords;
  known.insert(known.end(), kKeys.begin(), kKeys.end());
  for (const auto& word : words_) {
    if (is_one_of(word, kWords) || !word_of(word).empty()) continue;
    throw ConfigError("--allow-change: received " + in_quotes(one_line(word, 100)) + ", allowed " +
                      join(known) + ", group.0.lr" + nearest(word, known));
  }
}

bool AllowedChanges::contains(const std::string& key) const {
  return is_one_of(key, words_) || is_one_of(word_of(key), words_);
}

std::string allowing_option(const std::string& key) {
  return word_of(key).empty() ? "" : "; --allow-change " + key + " goes on with it";
}

}  // namespace steepest::trainer
