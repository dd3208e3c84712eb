// SPDX-License-Identifier: Apache-2.0
// The table of options: each reaches the recipe through JSON, of the network and of a group.
#include "steepest/options/options.h"

#include <gtest/gtest.h>

#include <set>

#include "steepest/optimizers/optimizers.h"
#include "steepest/serialize/recipe_json.h"
#include "steepest/serialize/snapshot.h"
#include "tests/support/face.h"
#include "tests/support/option_values.h"

namespace steepest::test {
namespace {

using Json = nlohmann::json;

const Json& table() {
  static const Json rows = Json::parse(options_json());
  return rows;
}

Json recipe_of(const std::string& row, const Json& said) {
  return Json::parse(recipe_json(recipe(row, overrides_from_json(said.dump()))));
}

// The option's value and what it needs, as one says it.
Json said_of(const Option& option, const Json& value) {
  const auto found = companions().find(option.side);
  Json said = found == companions().end() ? Json::object() : found->second;
  said[option.name] = value;
  return said;
}

TEST(Options, names_are_distinct_and_sides_are_options) {
  std::set<std::string> names;
  for (const auto& option : options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_EQ(find_option(option.name), &option);
    EXPECT_FALSE(option.help.empty()) << option.name;
    const auto* side = find_option(option.side);
    ASSERT_NE(side, nullptr) << option.name;
    EXPECT_NE(side->scope, Scope::backup) << option.name;
    EXPECT_EQ(option.scope == Scope::network, bool(option.in_recipe.get)) << option.name;
    EXPECT_EQ(option.scope != Scope::network, bool(option.in_side.get)) << option.name;
  }
  EXPECT_EQ(find_option("nothing"), nullptr);
}

TEST(Options, every_one_reaches_the_recipe) {
  for (size_t i = 0; i < options().size(); ++i) {
    const auto& option = options()[i];
    const auto value = another_value(option, table()[i]["default"]);
    const auto made = recipe_of("muon-adam", said_of(option, value));
    const auto wanted = option.allowed.number_too && value.is_number() ? Json("0.0625") : value;
    if (option.scope == Scope::network) {
      EXPECT_EQ(made[option.name], wanted) << option.name;
      continue;
    }
    EXPECT_EQ(made["matrix"][option.side] == wanted, option.scope != Scope::backup) << option.name;
    const bool backup = option.scope != Scope::matrix;
    if (option.name == "lr") continue;  // the rest keeps its ratio to it
    EXPECT_EQ(made["backup"][option.side] == wanted, backup) << option.name;
  }
}

TEST(Options, every_one_of_a_side_reaches_a_group_and_no_other_does) {
  for (size_t i = 0; i < options().size(); ++i) {
    const auto& option = options()[i];
    const auto said = said_of(option, another_value(option, table()[i]["default"])).dump();
    const auto message = refusal([&] {
      Recipe r;
      r.matrix = override_choices(r.matrix, overrides_from_json(said));
      const auto made = Json::parse(recipe_json(r));
      EXPECT_NE(made["matrix"][option.side], table()[i]["default"]) << option.name;
    });
    const bool of_group = option.scope != Scope::network && option.scope != Scope::backup;
    EXPECT_EQ(message.empty(), of_group) << option.name << ": " << message;
    if (of_group) continue;
    EXPECT_NE(message.find("only in the recipe"), std::string::npos) << message;
  }
}

TEST(Options, of_the_wrong_type_or_out_of_range_are_one_line) {
  for (size_t i = 0; i < options().size(); ++i) {
    const auto& option = options()[i];
    std::vector<Json> wrong = {Json::object(), {{"a", 1}}, {"a", "b"}};
    if (!option.allowed.names.empty()) wrong.emplace_back("of_no_name");
    const auto& range = option.allowed.range;
    if (std::isfinite(range.low)) wrong.emplace_back(range.low_open ? range.low : range.low - 1);
    if (std::isfinite(range.high))
      wrong.emplace_back(range.high_open ? range.high : range.high + 1);
    for (const auto& value : wrong) {
      const auto message = refusal([&] { recipe_of("muon-adam", said_of(option, value)); });
      EXPECT_NE(message.find("received"), std::string::npos) << option.name << value << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
}

// Files of 0.1 mention these; what came later has its default where a file does not mention it.
TEST(Options, that_came_later_say_so) {
  const std::set<std::string> first = {"outer",
                                       "update",
                                       "step_size",
                                       "f_star",
                                       "duals",
                                       "directions",
                                       "backup_blocks",
                                       "momo_model",
                                       "nonfinite",
                                       "norm",
                                       "lr",
                                       "momentum",
                                       "momentum_form",
                                       "nesterov",
                                       "start",
                                       "dampening",
                                       "momentum_place",
                                       "error_feedback",
                                       "momentum_dtype",
                                       "beta2",
                                       "eps",
                                       "weight_decay",
                                       "decoupled_weight_decay",
                                       "radius",
                                       "polar",
                                       "polar_steps",
                                       "polar_dtype",
                                       "polar_tol",
                                       "svd",
                                       "svd_tol",
                                       "svd_passes",
                                       "backup",
                                       "backup_lr",
                                       "backup_momentum",
                                       "backup_nesterov",
                                       "backup_start",
                                       "backup_weight_decay",
                                       "backup_radius"};
  for (const auto& option : options()) {
    EXPECT_EQ(option.later, first.count(option.name) == 0)
        << option.name << ": a row of a new option ends with .added_later()";
  }
}

TEST(Options, that_a_file_does_not_mention_have_their_defaults) {
  Optimizer optimizer(groups_of(tiny_leaves()), recipe("muon-adam", exactly()));
  auto shot = Snapshot::of(optimizer);
  auto choices = Json::parse(shot.metadata["choices"]);
  for (const auto& option : options()) {
    if (!option.later || option.scope == Scope::backup) continue;
    choices.erase(option.name), choices["matrix"].erase(option.name);
    choices["backup"].erase(option.name);
  }
  shot.metadata["choices"] = choices.dump();
  shot.restore(optimizer, "here");
  choices["matrix"].erase("norm");
  shot.metadata["choices"] = choices.dump();
  EXPECT_EQ(refusal([&] { shot.restore(optimizer, "here"); }),
            "here: matrix.norm: received null, allowed the optimizer's \"spectral\"");
}

// f_star_auto was MoMo*'s estimate, which f_star_rule names now.
TEST(Options, of_files_before_f_star_rule_keep_their_meaning) {
  for (const bool tracked : {false, true}) {
    const std::string rule = tracked ? "momo_star" : "given";
    Optimizer optimizer(groups_of(tiny_leaves()), recipe("muon-momo", {.f_star_rule = rule}));
    auto shot = Snapshot::of(optimizer);
    auto choices = Json::parse(shot.metadata["choices"]);
    choices.erase("f_star_rule"), choices["f_star_auto"] = tracked;
    shot.metadata["choices"] = choices.dump();
    shot.restore(optimizer, "here");
    choices["f_star_auto"] = !tracked;
    shot.metadata["choices"] = choices.dump();
    const auto line = refusal([&] { shot.restore(optimizer, "here"); });
    EXPECT_EQ(line, "here: f_star_rule: received \"" +
                        std::string(tracked ? "given" : "momo_star") +
                        "\", allowed the optimizer's \"" + rule + "\"");
  }
}

}  // namespace
}  // namespace steepest::test
