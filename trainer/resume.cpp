// SPDX-License-Identifier: Apache-2.0
#include "trainer/resume.h"

#include "trainer/config.h"

namespace steepest::trainer {

const RunSpec& require_round_trip(const RunSpec& spec) {
  const std::string text = resolved_toml(spec);
  if (resolved_toml(parse_config(text, "config.toml")) != text)
    throw ConfigError("config.toml: the options would not be the same when they are read again");
  return spec;
}

void require_same_keys(const RunSpec& spec, const std::string& run, const Latest& latest) {
  if (latest.checkpoint.config_hash == config_hash(spec)) return;
  const std::string file = run + "/config.toml";
  std::string difference;
  try {
    const RunSpec before = load_config(file);
    if (config_hash(before) != latest.checkpoint.config_hash) return;
    difference = first_difference(spec, before);
  } catch (const ConfigError&) {
    return;
  }
  throw ForeignCheckpoint(latest.folder + ": " + difference + " as in " + file);
}

std::string require_same_data(const RunSpec& spec, const std::vector<DataFile>& files,
                              const Checkpoint& found) {
  const auto then = found.state.metadata.find("data");
  if (then == found.state.metadata.end()) return "";
  const std::string difference = data_difference(files, read_fingerprint(then->second));
  if (difference.empty() || spec.data.accept_changed) return difference;
  throw DataError(difference + "; --set data.changed=accept goes on with it");
}

}  // namespace steepest::trainer
