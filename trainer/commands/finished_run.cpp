// SPDX-License-Identifier: Apache-2.0
#include "trainer/commands/finished_run.h"

#include <algorithm>
#include <iostream>

#include "trainer/config/config.h"
#include "trainer/resume.h"
#include "trainer/text.h"

namespace steepest::trainer {

namespace {

// Throws DataError where the data are not those of the checkpoint `found`, unless the overrides or
// the spec (data.changed) accept other data: those are named on stderr.
void require_data(RunSpec spec, const std::vector<std::string>& overrides, const Session& session,
                  const Checkpoint& found) {
  const bool chosen = std::any_of(overrides.begin(), overrides.end(), [](const auto& text) {
    return text.starts_with("data.path=") || text.starts_with("data.validation_path=") ||
           text.starts_with("data.hellaswag=");
  });
  spec.data.accept_changed |= chosen;
  const auto accepted = require_same_data(spec, session.data().files(), found);
  if (!accepted.empty()) std::cerr << one_line(accepted + ": accepted") << std::endl;
}

}  // namespace

std::unique_ptr<Session> open_run(const std::string& folder,
                                  const std::vector<std::string>& overrides, DataUse use) {
  if (folder.empty()) throw ConfigError("run: received nothing, allowed the folder of a run");
  const auto spec = load_config(folder + "/config.toml", overrides);
  const auto found = latest_checkpoint(folder);
  if (!found) throw CheckpointError(folder + ": no complete checkpoint");
  const Latest& latest = *found;
  for (const auto& line : latest.damaged) std::cerr << one_line(line) << std::endl;
  auto session = std::make_unique<Session>(spec, use);
  require_same_session(*session, latest, /*same_config=*/false);
  if (use == DataUse::read) require_data(spec, overrides, *session, latest.checkpoint);
  session->restore(latest.checkpoint, latest.folder);
  return session;
}

}  // namespace steepest::trainer
