// SPDX-License-Identifier: Apache-2.0
// Whether a checkpoint is one that this run may go on from: its options and its data.
#pragma once

#include <string>
#include <vector>

#include "trainer/run/checkpoint.h"
#include "trainer/run_spec.h"
#include "trainer/session.h"

namespace steepest::trainer {

// Returns the spec; throws ConfigError where config.toml, written from it and read again, would not
// give the same options (run.out among them).
const RunSpec& require_round_trip(const RunSpec& spec);

// Throws ForeignCheckpoint, naming the first option of `spec` that differs, where the checkpoint
// was made with other options. They are read from the checkpoint, or, where an older version put
// none there, from config.toml in the folder `run`, if the checkpoint was made with that one; where
// neither tells, require_same_session still compares the hash.
void require_same_keys(const RunSpec& spec, const std::string& run, const Latest& latest);

// Throws ConfigError where the checkpoint has already gone beyond the run's last step.
void require_steps_ahead(const RunSpec& spec, const Latest& latest);

// Throws ForeignCheckpoint where it is not a checkpoint of this session: its model, its recipe, or
// the hash of the config, where `same_config` is asked for. Session::restore checks the
// optimizer's choices and tensors. The session is routed as the checkpoint's run was; returns what
// is then otherwise than in a new run, or "".
std::string require_same_session(Session& session, const Latest& latest, bool same_config);

// Throws DataError where the data are not those that the checkpoint was trained on and the spec
// does not accept that; the line says how. Returns what was accepted, or "".
std::string require_same_data(const RunSpec& spec, const std::vector<DataFile>& files,
                              const Checkpoint& found);

}  // namespace steepest::trainer
