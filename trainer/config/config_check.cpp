// SPDX-License-Identifier: Apache-2.0
#include "trainer/config/config_check.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "steepest/optimizers/optimizers.h"
#include "trainer/config/config.h"
#include "trainer/config/config_schema.h"
#include "trainer/data/images.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// Returns the key, with its section ("optimizer.lr"), that a message of the library's own checks
// speaks of, which begins "lr: .." or, of [optimizer], "muon: lr: ..". "optimizer.recipe" where
// neither word is a key of [optimizer], as the fault is then the recipe's.
std::string key_in_message(const std::string& section, const std::string& message) {
  RunSpec any;
  std::optional<std::string> preset;
  const auto sections = sections_of(any, preset);
  const auto own = std::find_if(sections.begin(), sections.end(),
                                [&](const auto& candidate) { return candidate.name == section; });
  std::string rest = message;
  for (int word = 0; word < 2; ++word) {
    const std::string name = rest.substr(0, rest.find(": "));
    for (const auto& key : own->keys) {
      if (key.name == name) return section + "." + name;
    }
    if (section != "optimizer") return section + "." + name;
    rest = rest.substr(std::min(rest.size(), name.size() + 2));
  }
  return section + ".recipe";
}

// Checks of a spec that throw with the place where the key was given.
struct Check {
  const WhereOf& where;

  // Throws ConfigError, with the place where the key was given, unless `good`; the message says
  // what was received and what is allowed.
  void require(bool good, const std::string& key, const std::string& received,
               const std::string& allowed) const {
    if (good) return;
    throw ConfigError(where(key) + ": " + key + ": received " + received + ", allowed " + allowed);
  }

  // Calls `part`, a check of the section by the library, which knows no run file. Its c10::Error or
  // std::invalid_argument, whose message begins with the key, perhaps without its section, is
  // thrown on as ConfigError with the whole key and its place in the run file.
  void run(const std::string& section, const std::function<void()>& part) const {
    std::string message;
    try {
      part();
      return;
    } catch (const c10::Error& error) {
      message = error.what_without_backtrace();
    } catch (const std::invalid_argument& error) {
      message = error.what();
    }
    if (message.starts_with(section + ".")) message = message.substr(section.size() + 1);
    const std::string key = key_in_message(section, message);
    message = message.starts_with(key.substr(section.size() + 1) + ": ") ? section + "." + message
                                                                         : key + ": " + message;
    throw ConfigError(where(key) + ": " + one_line(message));
  }
};

// Sets the fields that other sections of the run file give: of the data seed, context and vocab, of
// the image models the pixels. Throws DataError for images of a side that cannot be had.
void fill_linked_fields(RunSpec& spec) {
  spec.data.seed = spec.seed;
  spec.data.context = spec.model.gpt.context;
  spec.data.vocab = spec.model.gpt.vocab;
  if (spec.data.kind != "cifar10" && spec.data.kind != "procedural") return;
  const int64_t side = side_of(spec.data);
  spec.model.cnn.side = spec.model.airbench.side = side;
  spec.model.mlp.inputs = image_channels * side * side;
}

// The kinds of data that a kind of model learns from.
std::vector<std::string> data_for(const std::string& model) {
  if (model == "gpt") return {"text", "tokens", "modular"};
  if (model == "matrix") return {"none"};
  return {"cifar10", "procedural"};
}

// Throws ConfigError where the model has too few tokens for the rows a, b, "=" of numbers mod p.
void check_modular(const Check& check, const RunSpec& spec) {
  const int64_t tokens = spec.data.modulus + 1;
  check.require(spec.model.gpt.vocab >= tokens, "model.vocab", std::to_string(spec.model.gpt.vocab),
                "from data.modulus + 1 = " + std::to_string(tokens));
  check.require(spec.model.gpt.context >= 3, "model.context",
                std::to_string(spec.model.gpt.context), "from 3 with data.kind \"modular\"");
}

// Throws ConfigError where a channel of the last stage of a resnet or an airbench has one value in
// a micro-batch, of which there is no deviation.
void check_normalized(const Check& check, const RunSpec& spec) {
  const bool airbench = spec.model.kind == "airbench";
  if (spec.model.kind != "resnet" && !airbench) return;
  const int64_t whole = side_of(spec.data), rows = spec.data.batch / spec.accumulate;
  const int64_t side =
      airbench ? (whole - 1) >> spec.model.airbench.channels.size() : (whole + 3) / 4;
  check.require(rows * side * side > 1, "batch.rows", std::to_string(spec.data.batch),
                "2 or more a micro-batch with data.side = " + std::to_string(side_of(spec.data)));
}

// Throws ConfigError where the kind of data does not fit the model, a path that these data need is
// not given, or the model's vocabulary is too small for the bytes of a text.
void check_data(const Check& check, const RunSpec& spec) {
  const DataSpec& d = spec.data;
  const auto fitting = data_for(spec.model.kind);
  check.require(std::ranges::count(fitting, d.kind) > 0, "data.kind", in_quotes(d.kind),
                steepest::join(fitting) + " with model.kind " + in_quotes(spec.model.kind));
  const bool files = d.kind == "text" || d.kind == "tokens" || d.kind == "cifar10";
  check.require(!d.path.empty() || !files, "data.path", "nothing", "a file, folder or glob");
  check.require(!d.validation_path.empty() || d.kind != "tokens", "data.validation_path", "nothing",
                "a shard or a glob of shards");
  check.require(!d.hellaswag || !d.hellaswag->empty(), "data.hellaswag", "nothing", "a file");
  check.require(!d.alternating.value_or(false) || d.flip, "data.alternating", "true",
                "false without data.flip");
  check.require(d.kind != "text" || spec.model.gpt.vocab >= 256, "model.vocab",
                std::to_string(spec.model.gpt.vocab), "from 256 with data.kind \"text\"");
  if (d.kind == "modular") check_modular(check, spec);
}

// Throws ConfigError where the micro-batches do not divide the batch, or the warm-up is longer than
// the run.
void check_steps(const Check& check, const RunSpec& spec) {
  check.require(spec.data.batch % spec.accumulate == 0, "batch.accumulate",
                std::to_string(spec.accumulate),
                "a divisor of batch.rows = " + std::to_string(spec.data.batch));
  check.require(spec.schedule.warmup <= spec.steps, "schedule.warmup",
                std::to_string(spec.schedule.warmup),
                "at most run.steps = " + std::to_string(spec.steps));
}

// Throws ConfigError where a folder of another run that the spec needs is not named.
void check_other_runs(const Check& check, const RunSpec& spec) {
  const bool replay = spec.schedule.kind == "replay";
  check.require(!replay || !spec.schedule.path.empty(), "schedule.path", "nothing",
                "the folder of a run with schedule.kind \"replay\"");
  check.require(!replay || !spec.schedule.key.empty(), "schedule.key", "nothing",
                "a column of metrics.jsonl");
  check.require(!spec.start_from || !spec.start_from->empty(), "run.start_from", "nothing",
                "the folder of a run");
}

// Throws ConfigError at a [[group]] table that names no parameters.
void check_groups(const Check& check, const RunSpec& spec) {
  for (size_t i = 0; i < spec.groups.size(); ++i) {
    check.require(!spec.groups[i].match.empty(), "group." + std::to_string(i) + ".match", "nothing",
                  "a list of globs of parameter names");
    const int64_t steps = spec.groups[i].steps.value_or(spec.steps);
    check.require(steps >= spec.schedule.warmup, "group." + std::to_string(i) + ".steps",
                  std::to_string(steps),
                  "from schedule.warmup = " + std::to_string(spec.schedule.warmup));
  }
}

// Throws ConfigError where [record] says what to tell, but not of which steps.
void check_record(const Check& check, const RunSpec& spec) {
  check.require(spec.record.is_on() || spec.record == RecordSpec{}, "record.every", "0",
                "a whole number from 1, or record.steps, beside other keys of [record]");
}

}  // namespace

void complete(RunSpec& spec, const WhereOf& where) {
  const Check check{where};
  check.run("data", [&] { fill_linked_fields(spec); });
  check.run("model", [&] { validate(spec.model); });
  check.run("optimizer", [&] { recipe(spec.recipe, spec.optimizer); });
  check_data(check, spec);
  check_steps(check, spec);
  check_normalized(check, spec);
  check_other_runs(check, spec);
  check_groups(check, spec);
  check_record(check, spec);
}

}  // namespace steepest::trainer
