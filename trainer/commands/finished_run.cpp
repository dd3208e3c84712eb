// SPDX-License-Identifier: Apache-2.0
#include "trainer/commands/finished_run.h"

#include <iostream>

#include "trainer/config.h"

namespace steepest::trainer {

std::unique_ptr<Session> open_run(const std::string& folder,
                                  const std::vector<std::string>& overrides) {
  const auto spec = load_config(folder + "/config.toml", overrides);
  const auto latest = latest_checkpoint(folder);
  if (!latest) throw CheckpointError(folder + ": no complete checkpoint");
  for (const auto& line : latest->damaged) std::cerr << line << std::endl;
  auto session = std::make_unique<Session>(spec);
  auto expected = session->checkpoint(latest->checkpoint.config_hash);
  expected.optimizer.metadata.erase("groups");                        // the rates of the moment
  expected.optimizer.tensors = latest->checkpoint.optimizer.tensors;  // checked by restore
  require_same_run(latest->folder, latest->checkpoint, expected);
  session->restore(latest->checkpoint, latest->folder);
  return session;
}

}  // namespace steepest::trainer
