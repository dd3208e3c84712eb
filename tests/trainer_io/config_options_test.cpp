// SPDX-License-Identifier: Apache-2.0
// Every option of the table is a key of run files: of [optimizer], and of [[group]] where a group
// may say it for itself.
#include <gtest/gtest.h>

#include "steepest/optimizers/optimizers.h"
#include "steepest/serialize/recipe_json.h"
#include "tests/support/faults.h"
#include "tests/support/option_values.h"
#include "trainer/config/config.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::json;

std::string line_of(const std::string& name, const Json& value) {
  return name + " = " + value.dump() + "\n";
}

std::string lines_of(const Option& option, const Json& value) {
  std::string lines;
  const auto& beside = test::companions();
  if (const auto found = beside.find(option.side); found != beside.end()) {
    for (const auto& [name, other] : found->second.items()) lines += line_of(name, other);
  }
  return lines + line_of(option.name, value);
}

// What is said in JSON and what is said in TOML.
void expect_same(const Overrides& received, const Option& option, const Json& value) {
  const auto json = overrides_from_json(Json{{option.name, value}}.dump());
  std::visit([&](auto field) { EXPECT_EQ(received.*field, json.*field) << option.name; },
             option.said);
}

TEST(ConfigOptions, EveryOneIsAKey) {
  const auto table = Json::parse(options_json());
  const std::string start =
      "[model]\nkind = \"mlp\"\n[data]\nkind = \"procedural\"\n[optimizer]\nrecipe = "
      "\"muon-adam\"\n";
  for (size_t i = 0; i < options().size(); ++i) {
    const auto& option = options()[i];
    const auto value = test::another_value(option, table[i]["default"]);
    const auto lines = lines_of(option, value);
    const auto spec = parse_config(start + lines, "run.toml");
    expect_same(spec.optimizer, option, value);
    EXPECT_EQ(parse_config(resolved_toml(spec), "again").optimizer.lr, spec.optimizer.lr);
    EXPECT_EQ(resolved_toml(parse_config(resolved_toml(spec), "again")), resolved_toml(spec));
    const auto group = start + "[[group]]\nmatch = \"*\"\n";
    if (option.scope == Scope::network || option.scope == Scope::backup) {
      // Alone, as a group is refused what the option needs beside it as well.
      const auto alone = group + line_of(option.name, value);
      const auto message = test::error_of([&] { parse_config(alone, "run.toml"); });
      EXPECT_NE(message.find(option.name), std::string::npos) << message;
    } else {
      expect_same(parse_config(group + lines, "run.toml").groups.at(0).options, option, value);
    }
    EXPECT_NE(config_help().find(option.name + " = "), std::string::npos) << option.name;
  }
}

// A run that was begun before an option came is the same run.
TEST(ConfigOptions, ThatCameLaterDoNotChangeTheHashOfRunsWithoutThem) {
  const auto table = Json::parse(options_json());
  for (size_t i = 0; i < options().size(); ++i) {
    const auto& option = options()[i];
    if (!option.later) continue;
    RunSpec spec;
    const auto before = config_hash(spec);
    const auto said = overrides_from_json(
        Json{{option.name, test::another_value(option, table[i]["default"])}}.dump());
    std::visit([&](auto field) { spec.optimizer.*field = said.*field; }, option.said);
    EXPECT_NE(config_hash(spec), before) << option.name;
  }
  // As 0.1 has written it into the checkpoints of this run.
  const auto run = parse_config(R"([run]
out = "run"
steps = 2
[model]
kind = "mlp"
widths = [8]
[data]
kind = "procedural"
train_images = 64
validation_images = 16
[batch]
rows = 8
[optimizer]
recipe = "muon-adam"
lr = 0.05
backup_start = "zero"
[[group]]
match = "*0*weight"
momentum = 0.5
)",
                                "run.toml");
  EXPECT_EQ(config_hash(run), "e1720ecb");
}

}  // namespace
}  // namespace steepest::trainer
