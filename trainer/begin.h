// SPDX-License-Identifier: Apache-2.0
// What a run takes from other runs before its first step: weights, and numbers to replay.
#pragma once

#include "trainer/session.h"

namespace steepest::trainer {

// Gives a session that has taken no step the weights of the latest checkpoint of the run
// run.start_from, and nothing else of it, where the spec names one; reads what its schedule
// replays. Throws ConfigError, with the key, where these runs have not what is needed.
void begin_run(Session& session);

}  // namespace steepest::trainer
