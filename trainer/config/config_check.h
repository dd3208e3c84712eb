// SPDX-License-Identifier: Apache-2.0
// What no single key can tell: the checks and the links between keys.
#pragma once

#include <functional>
#include <string>

#include "trainer/run_spec.h"

namespace steepest::trainer {

// Where a key ("model.heads") was given: "run.toml:12", or the file's name where it was not.
using WhereOf = std::function<std::string(const std::string& key)>;

// Fills the fields that follow from others (the data's context, seed and vocabulary), then throws
// ConfigError for the first combination that cannot be trained. `where` says in its message where
// the key was given.
void complete(RunSpec& spec, const WhereOf& where);

}  // namespace steepest::trainer
