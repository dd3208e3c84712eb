// SPDX-License-Identifier: Apache-2.0
#include "trainer/resume.h"

#include "trainer/config/config.h"

namespace steepest::trainer {
namespace {

// The first option of `spec` that differs from the spec that `read()` returns, where the hash in
// the checkpoint says that it was made with that one; "" where it was not, or where `read` throws
// ConfigError.
template <class Read>
std::string difference_from(const RunSpec& spec, const Latest& latest, Read read) {
  try {
    const RunSpec before = read();
    const bool same = has_config_hash(before, latest.checkpoint.config_hash);
    return same ? first_difference(spec, before) : "";
  } catch (const ConfigError&) {
    return "";
  }
}

}  // namespace

const RunSpec& require_round_trip(const RunSpec& spec) {
  const std::string text = resolved_toml(spec);
  if (resolved_toml(parse_config(text, "config.toml")) != text)
    throw ConfigError("config.toml: the options would not be the same when they are read again");
  return spec;
}

void require_steps_ahead(const RunSpec& spec, const Latest& latest) {
  if (latest.checkpoint.step <= spec.steps) return;
  throw ConfigError("run.steps: received " + std::to_string(spec.steps) + ", allowed from " +
                    std::to_string(latest.checkpoint.step) + ", which are done in " +
                    latest.folder);
}

void require_same_keys(const RunSpec& spec, const std::string& run, const Latest& latest) {
  if (has_config_hash(spec, latest.checkpoint.config_hash)) return;
  const std::string file = run + "/config.toml";
  const auto then = latest.checkpoint.state.metadata.find("config");
  const bool told = then != latest.checkpoint.state.metadata.end();
  std::string difference =
      told
          ? difference_from(spec, latest, [&] { return parse_config(then->second, latest.folder); })
          : "";
  if (difference.empty())
    difference = difference_from(spec, latest, [&] { return load_config(file); });
  if (!difference.empty())
    throw ForeignCheckpoint(latest.folder + ": " + difference + " as when the run began");
}

std::string require_same_session(Session& session, const Latest& latest, bool same_config) {
  const Checkpoint& found = latest.checkpoint;
  const bool as_before = session.route_as(found);
  const bool same = !same_config || has_config_hash(session.spec(), found.config_hash);
  auto own = session.checkpoint(same ? found.config_hash : config_hash(session.spec()));
  own.optimizer.metadata.erase("groups");   // the rates of the moment
  own.optimizer.metadata.erase("choices");  // some of them may change
  own.optimizer.tensors = found.optimizer.tensors;
  require_same_run(latest.folder, found, own);
  return as_before ? latest.folder +
                         ": an earlier version began this run with a fused q, k, v as one matrix; "
                         "it goes on so, while a new run takes it as three"
                   : "";
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
