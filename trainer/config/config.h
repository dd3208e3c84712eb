// SPDX-License-Identifier: Apache-2.0
// Run files: TOML and --set overrides in, a RunSpec out. One table of keys (config_schema.h) says
// what is read, checked, written back and explained.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "trainer/run_spec.h"

namespace steepest::trainer {

// One line: where (file:line, or the override), key, received, allowed, and the nearest known name.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The spec of a run: the defaults, then the run file ("": none), then the overrides
// "section.key=value" ("group.0.lr=0.1") in their order. Every value is checked, and so is what
// depends on several of them; throws ConfigError.
RunSpec load_config(const std::string& file, const std::vector<std::string>& overrides = {});

// load_config of a run file's text; `name` stands for the file in messages.
RunSpec parse_config(const std::string& text, const std::string& name,
                     const std::vector<std::string>& overrides = {});

// Every option that has a value as a run file, in the order of the table; parse_config of it gives
// the same spec.
std::string resolved_toml(const RunSpec& spec);

// A run file with every key, its default, what it means and what is allowed; it can be parsed.
std::string config_help();

// A hash of the options that must not change between a run and its resumption.
std::string config_hash(const RunSpec& spec);
// Whether a checkpoint of this hash was made with these options, by this version or an older one.
bool has_config_hash(const RunSpec& spec, const std::string& hash);

// An option that has another value when a run is resumed than it had when the run began.
struct Difference {
  std::string key;                 // with its section, "optimizer.lr"
  std::string received, expected;  // as TOML; "nothing" for one that is not set
  // Returns the difference as a message shows it: "optimizer.lr: received 0.02, expected 0.01".
  std::string text() const { return key + ": received " + received + ", expected " + expected; }
};

// All options that differ among those that must not change between a run and its resumption; those
// that both have before those that only one has, as another kind explains these.
std::vector<Difference> differences(const RunSpec& received, const RunSpec& expected);

// The first option that differs among those that must not change between a run and its resumption,
// "optimizer.lr: received 0.02, expected 0.01"; "" where none does.
std::string first_difference(const RunSpec& received, const RunSpec& expected);

}  // namespace steepest::trainer
