// SPDX-License-Identifier: Apache-2.0
// Whether a checkpoint is one that this run may go on from: its options and its data.
#pragma once

#include <string>
#include <vector>

#include "trainer/allowed_changes.h"
#include "trainer/run/checkpoint.h"
#include "trainer/run_spec.h"
#include "trainer/session.h"

namespace steepest::trainer {

// Returns the spec; throws ConfigError where config.toml, written from it and read again, would not
// give the same options (run.out among them): such a run could not be resumed.
const RunSpec& require_round_trip(const RunSpec& spec);

// Throws ForeignCheckpoint, naming the first option of `spec` that differs and is not allowed to,
// and the option that would allow it, where the checkpoint was made with other options. They are
// read from the checkpoint, or, where an older version put none there, from config.toml in the
// folder `run`, if the checkpoint was made with that one; where neither tells, require_same_session
// still compares the hash. Returns a line for each difference that is allowed.
std::vector<std::string> require_same_keys(const RunSpec& spec, const std::string& run,
                                           const Latest& latest, const AllowedChanges& allowed);

// Throws ForeignCheckpoint where the optimizer's learning rates (lr and backup_lr), as the spec and
// the defaults of its recipe give them now, are not those with which the checkpoint was made:
// another version may have other defaults. Passes over rates that are allowed to change, and over
// those that the checkpoint does not tell.
void require_same_rates(const RunSpec& spec, const Latest& latest, const AllowedChanges& allowed);

// Throws ConfigError where the checkpoint has already gone beyond the run's last step.
void require_steps_ahead(const RunSpec& spec, const Latest& latest);

// Throws ForeignCheckpoint where the checkpoint is of another model or recipe than the session, or,
// with `same_config`, of another config, told by its hash. (Session::restore checks the optimizer's
// choices and tensors.) Routes the session's parameters as the checkpoint's run did; returns a line
// that says what is then otherwise than in a new run, or "".
std::string require_same_session(Session& session, const Latest& latest, bool same_config);

// Throws DataError, naming the first file that differs, where `files` are not those that the
// checkpoint was trained on and the spec does not accept that. Returns the difference that was
// accepted; "" where there is none, or the checkpoint does not tell its files.
std::string require_same_data(const RunSpec& spec, const std::vector<DataFile>& files,
                              const Checkpoint& found);

}  // namespace steepest::trainer
