// SPDX-License-Identifier: Apache-2.0
#include "trainer/resume.h"

#include <nlohmann/json.hpp>
#include <tuple>

#include "steepest/base/text.h"
#include "steepest/optimizers/optimizers.h"
#include "trainer/config/config.h"

namespace steepest::trainer {
namespace {

// The options of `spec` that differ from those of the spec that `read()` returns, where the hash in
// the checkpoint says that it was made with that one; none where it was not, or where `read` throws
// ConfigError.
template <class Read>
std::vector<Difference> differences_from(const RunSpec& spec, const Latest& latest, Read read) {
  try {
    const RunSpec before = read();
    const bool same = has_config_hash(before, latest.checkpoint.config_hash);
    return same ? differences(spec, before) : std::vector<Difference>();
  } catch (const ConfigError&) {
    return {};
  }
}

// The options of `spec` that differ from those the checkpoint was made with. These are in its
// metadata or, where an older version put none there, in config.toml in the folder `run`. None
// where neither of these texts has the checkpoint's hash, or none differs.
std::vector<Difference> differences_at(const RunSpec& spec, const std::string& run,
                                       const Latest& latest) {
  const auto then = latest.checkpoint.state.metadata.find("config");
  const bool told = then != latest.checkpoint.state.metadata.end();
  const auto parse = [&] { return parse_config(then->second, latest.folder); };
  const auto found = told ? differences_from(spec, latest, parse) : std::vector<Difference>();
  if (!found.empty()) return found;
  return differences_from(spec, latest, [&] { return load_config(run + "/config.toml"); });
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

std::vector<std::string> require_same_keys(const RunSpec& spec, const std::string& run,
                                           const Latest& latest, const AllowedChanges& allowed) {
  if (has_config_hash(spec, latest.checkpoint.config_hash)) return {};
  std::vector<std::string> accepted;
  for (const auto& difference : differences_at(spec, run, latest)) {
    if (!allowed.contains(difference.key))
      throw ForeignCheckpoint(latest.folder + ": " + difference.text() + " as when the run began" +
                              allowing_option(difference.key));
    accepted.push_back(difference.key + ": " + difference.expected + " until here, " +
                       difference.received + " from here on: allowed");
  }
  return accepted;
}

void require_same_rates(const RunSpec& spec, const Latest& latest, const AllowedChanges& allowed) {
  const auto text = latest.checkpoint.optimizer.metadata.find("choices");
  if (text == latest.checkpoint.optimizer.metadata.end()) return;  // the optimizer's load says so
  if (allowed.contains("optimizer.lr")) return;                    // it may be that of both sides
  const auto then = nlohmann::json::parse(text->second, nullptr, /*allow_exceptions=*/false);
  const Recipe now = recipe(spec.recipe, spec.optimizer);
  const std::tuple<const char*, const char*, double> rates[] = {
      {"matrix", "optimizer.lr", now.matrix.lr}, {"backup", "optimizer.backup_lr", now.backup.lr}};
  for (const auto& [side, key, received] : rates) {
    const auto place = nlohmann::json::json_pointer(std::string("/") + side + "/lr");
    if (!then.is_object() || !then.contains(place) || !then[place].is_number()) continue;
    const double expected = then[place].get<double>();
    if (received == expected || allowed.contains(key)) continue;
    throw ForeignCheckpoint(latest.folder + ": " + key + ": received " + print_number(received) +
                            ", expected " + print_number(expected) +
                            " as when the run began, where the recipe had another default: --set " +
                            key + "=" + print_number(expected) + " --allow-change " + key +
                            " goes on with it");
  }
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
