// SPDX-License-Identifier: Apache-2.0
// A sweep's file, its rows and trials, its choices and its table, without any run.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "trainer/config/config.h"
#include "trainer/run/run_folder.h"
#include "trainer/sweep/half_decades.h"
#include "trainer/sweep/outcome.h"
#include "trainer/sweep/read_sweep.h"
#include "trainer/sweep/table.h"
#include "trainer/sweep/tuning.h"

namespace steepest::trainer {
namespace {

using test::error_of;

constexpr char kBase[] =
    "[model]\nkind = \"mlp\"\n[data]\nkind = \"procedural\"\n[optimizer]\nrecipe = \"muon-adam\"\n";

// Arms that are tuned, take of each other, and read each other's runs.
constexpr char kSweep[] = R"toml(
base = "base.toml"
seeds = [11, 12, 13]
reach = [2.5, 2]
[axes]
optimizer.outer = ["max", "hybrid"]
[[arm]]
name = "con"
set = { optimizer.update = "constrained" }
tune = { ratio = [0.1, 1], optimizer.lr = { from = 0.01, to = 0.1 } }
ties = { optimizer.backup_lr = "ratio * optimizer.lr" }
[[arm]]
name = "reg"
set = { optimizer.update = "regularized" }
take = { ratio = "con" }
tune = { optimizer.lr = { from = 0.001, to = 0.1, step = "decade" } }
ties = { optimizer.backup_lr = "ratio * ratio * optimizer.lr" }
[[arm]]
name = "driven"
set = { optimizer.update = "constrained", schedule.kind = "replay" }
take = { ratio = "con", optimizer.lr = "reg" }
ties = { optimizer.backup_lr = "ratio * optimizer.lr", schedule.path = "run(reg, next)" }
)toml";

class Sweep : public testing::Test {
 protected:
  Sweep() {
    test::spill(folder_ / "base.toml", kBase);
    spec_ = parse_sweep(kSweep, folder_ / "sweep.toml");
  }

  Settings row(const char* outer) const { return {{"optimizer.outer", outer}}; }
  void choose(const char* arm, const Settings& values) {
    choices_.put({arm, row("max"), values, 2.0, 1.75, {}, 3});
  }
  std::string refusal(const std::string& from, const std::string& to) const {
    std::string text = kSweep;
    text.replace(text.find(from), from.size(), to);
    return error_of([&] { parse_sweep(text, folder_ / "sweep.toml"); });
  }

  test::Folder folder_;
  SweepSpec spec_;
  Choices choices_;
};

TEST(HalfDecades, AreOneAndThreeTimesPowersOfTen) {
  EXPECT_EQ(half_decades(0.003, 3, 1), (std::vector<double>{0.003, 0.01, 0.03, 0.1, 0.3, 1, 3}));
  EXPECT_EQ(half_decades(0.01, 10, 2), (std::vector<double>{0.01, 0.1, 1, 10}));
  for (int64_t i = -40; i < 40; ++i) EXPECT_EQ(half_decade_index(half_decade(i)), i);
  for (const double none : std::vector<double>{0, -1, 0.02, 5, INFINITY, std::nan("")})
    EXPECT_FALSE(half_decade_index(none)) << none;
}

TEST_F(Sweep, HasTheRowsOfItsAxes) {
  ASSERT_EQ(spec_.arms.size(), 3u);
  const auto rows = chosen_rows(spec_.arms[0], "*");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(row_name(spec_.arms[0], rows[1]), "con/hybrid");
  EXPECT_EQ(chosen_rows(spec_.arms[0], "con/m*").size(), 1u);
  EXPECT_EQ(chosen_rows(spec_.arms[0], "reg/*").size(), 0u);
  EXPECT_EQ(tuning_trials(spec_.arms[0], rows[0], {}, spec_.arms[0].tune).size(), 6u);
  EXPECT_EQ(spec_.arms[1].tune[0].values.size(), 3u);  // every second half decade
}

TEST_F(Sweep, TiesFollowFromWhatIsTunedAndTaken) {
  choose("con", {{"ratio", 0.1}, {"optimizer.lr", 0.03}});
  const Resolver resolver(spec_, choices_);
  const auto& reg = spec_.arms[1];
  const auto taken = resolver.values_of(reg, row("max"), false);
  const auto trials = tuning_trials(reg, row("max"), taken, reg.tune);
  const auto job = resolver.resolve(trials[1]);
  EXPECT_EQ(*job.spec.optimizer.lr, 0.01);
  EXPECT_NEAR(*job.spec.optimizer.backup_lr, 1e-4, 1e-18);
  EXPECT_EQ(job.spec.optimizer.outer, "max");
  EXPECT_EQ(job.spec.seed, 0u);
  EXPECT_EQ(job.spec.threads, 1);
}

TEST_F(Sweep, TheTrainingLossOfAChoiceMayBeTaken) {
  choose("con", {{"ratio", 0.1}, {"optimizer.lr", 0.03}});
  Arm arm = spec_.arms[0];
  arm.take = {{"train_loss", "con"}};
  arm.ties.emplace_back("optimizer.f_star", "0.9 * train_loss");
  const Resolver resolver(spec_, choices_);
  const auto values = resolver.values_of(arm, row("max"), true);
  const auto job = resolver.resolve({Stage::report, &arm, row("max"), values, 11});
  EXPECT_EQ(*job.spec.optimizer.f_star, 0.9 * 1.75);
}

TEST_F(Sweep, ARunReadsThatOfTheNextSeed) {
  choose("con", {{"ratio", 0.1}, {"optimizer.lr", 0.03}});
  choose("reg", {{"ratio", 0.1}, {"optimizer.lr", 0.01}});
  const Resolver resolver(spec_, choices_);
  const auto values = [&](size_t arm) {
    return resolver.values_of(spec_.arms[arm], row("max"), true);
  };
  const auto run = [&](size_t arm, int64_t seed) {
    return resolver.resolve({Stage::report, &spec_.arms[arm], row("max"), values(arm), seed});
  };
  for (const auto& [seed, next] : {std::pair(11, 12), {12, 13}, {13, 11}}) {
    EXPECT_EQ(run(2, seed).spec.schedule.path, run(1, next).folder);
    EXPECT_EQ(run(2, seed).reads, run(1, next).key);
  }
  EXPECT_NE(run(1, 11).key, run(1, 12).key);
  EXPECT_EQ(
      error_of([&] { resolver.values_of(spec_.arms[2], row("hybrid"), true); }),
      "driven/hybrid: take.optimizer.lr: arm \"reg\" has chosen none: --stage tune comes first");
}

TEST_F(Sweep, TheKeyKnowsNoPlace) {
  const Resolver resolver(spec_, choices_);
  const Trial trial{
      Stage::tune, &spec_.arms[0], row("max"), {{"ratio", 0.1}, {"optimizer.lr", 0.03}}, 0};
  auto moved = spec_;
  moved.out = folder_ / "elsewhere";
  const auto here = resolver.resolve(trial), there = Resolver(moved, choices_).resolve(trial);
  EXPECT_EQ(here.key, there.key);
  EXPECT_NE(here.folder, there.folder);
}

TEST_F(Sweep, BadFilesGetOneLine) {
  const std::vector<std::vector<std::string>> cases = {
      {"seeds = [11", "seeds = [0", "seeds: received 0, allowed from 1, as tuning uses 0"},
      {"seeds =", "seed =", "seed: received an unknown key, allowed base"},
      {"0.01, to = 0.1 }", "0.02, to = 0.1 }", "optimizer.lr.from: received 0.02, allowed 1 or 3"},
      {"\"decade\"", "\"year\"", "optimizer.lr.step: received \"year\", allowed half decade"},
      {"[\"max\", \"hybrid\"]", "\"max\"", "optimizer.outer: received \"max\", allowed a list"},
      {"ratio = \"con\" }\ntune", "ratio = \"driven\" }\ntune", "allowed an arm above"},
      {"name = \"reg\"", "name = \"con\"", "arm.name: received \"con\", allowed once"},
      {"base = \"base.toml\"", "", "base: received nothing, allowed a run file"}};
  for (const auto& one : cases) {
    const auto message = refusal(one[0], one[1]);
    EXPECT_NE(message.find(one[2]), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST_F(Sweep, AMistakeOfATrialNamesIt) {
  const Resolver resolver(spec_, choices_);
  const auto resolve = [&](const Settings& values) {
    return error_of([&] {
      resolver.resolve({Stage::tune, &spec_.arms[0], row("max"), values, 0});
    });
  };
  EXPECT_EQ(resolve({{"optimizer.lr", 0.1}}),
            "con/max optimizer.lr=0.1 seed 0: ties.optimizer.backup_lr: received \"ratio * "
            "optimizer.lr\", allowed a product of numbers and names that have one, or run(ARM)");
  EXPECT_NE(resolve({{"ratio", 1}, {"optimizer.lr", -1}}).find("optimizer.lr: received -1"),
            std::string::npos);
}

// A line of a trial at this rate.
SweepValue line_at(double lr, double loss, const char* status = "done") {
  return {{"status", status}, {"val_loss", loss}, {"values", {{"optimizer.lr", lr}}}};
}

TEST(Tuning, TheLeastLossIsChosenAndWhatDivergedIsTheWorst) {
  const Arm arm{.name = "a"};
  const std::vector<Axis> grid = {{"optimizer.lr", {0.01, 0.03, 0.1}, 1}};
  const auto low = line_at(0.01, 2), middle = line_at(0.03, 2.5), bad = line_at(0.1, 1, "diverged");
  const auto choice = best_of(arm, {}, grid, {&low, &middle, &bad});
  EXPECT_EQ(choice.val_loss, 2);
  EXPECT_EQ(choice.edges, std::vector<std::string>{"optimizer.lr"});
  const auto inside = line_at(0.03, 1.5);
  EXPECT_TRUE(best_of(arm, {}, grid, {&low, &inside, &bad}).edges.empty());
  const auto none = best_of(arm, {}, grid, {&bad});
  EXPECT_TRUE(none.values.empty() && std::isinf(none.val_loss));
}

TEST(Tuning, AGridGrowsByTwoHalfDecadesWhereItsBestIs) {
  Axis half{"a", {0.01, 0.03, 0.1}, 1}, whole{"a", {0.01, 0.1}, 2}, list{"a", {0.01, 0.1}, 0};
  EXPECT_TRUE(grow(half, 0.1));
  EXPECT_EQ(half.values, (std::vector<SweepValue>{0.01, 0.03, 0.1, 0.3, 1.0}));
  EXPECT_TRUE(grow(half, 0.01));
  EXPECT_EQ(half.values, (std::vector<SweepValue>{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0}));
  EXPECT_TRUE(grow(whole, 0.1));
  EXPECT_EQ(whole.values, (std::vector<SweepValue>{0.01, 0.1, 1.0}));
  EXPECT_FALSE(grow(list, 0.1));
}

TEST(Tuning, ChoicesAreReadBack) {
  const test::Folder folder;
  Choices choices;
  choices.put({"a", {{"x", "max"}}, {{"lr", 0.1}}, 1.5, 1.25, {"lr"}, 7});
  choices.put({"a", {{"x", "l2"}}, {}, INFINITY, INFINITY, {}, 7});
  choices.save(folder / "choice.json");
  const auto again = Choices::load(folder / "choice.json");
  ASSERT_EQ(again.all().size(), 2u);
  const auto* first = again.find("a", {{"y", 1}, {"x", "max"}});
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->edges, std::vector<std::string>{"lr"});
  EXPECT_EQ(*find_setting(first->values, "lr"), 0.1);
  EXPECT_EQ(first->train_loss, 1.25);
  EXPECT_TRUE(std::isinf(again.find("a", {{"x", "l2"}})->val_loss));
  EXPECT_EQ(again.find("b", {{"x", "max"}}), nullptr);
  EXPECT_TRUE(Choices::load(folder / "none.json").all().empty());
}

TEST(SweepTable, DropsACutLineAndRefusesOthers) {
  const test::Folder folder;
  const SweepValue line = {{"key", "k"},       {"stage", "tune"},
                           {"arm", "a"},       {"row", SweepValue::object()},
                           {"status", "done"}, {"val_loss", 2.5}};
  { Table(folder / "table.jsonl").append(line); }
  const auto whole = test::slurp(folder / "table.jsonl");
  test::spill(folder / "table.jsonl", whole + whole.substr(0, 20));
  {
    const Table table(folder / "table.jsonl");
    EXPECT_EQ(table.lines().size(), 1u);
    EXPECT_EQ(judged_loss(*table.find_run("k")), 2.5);
    EXPECT_NE(error_of([&] { Table(folder / "table.jsonl"); }).find("another sweep"),
              std::string::npos);
  }
  EXPECT_EQ(test::slurp(folder / "table.jsonl"), whole);
  test::spill(folder / "table.jsonl", "{}\n");
  EXPECT_THROW(Table(folder / "table.jsonl"), RunError);
}

TEST(SweepCurve, IsThinnedToMeans) {
  std::vector<double> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back(i);
  const auto curve = thinned(numbers, 50);
  ASSERT_EQ(curve.size(), 50u);
  EXPECT_EQ(curve[0], SweepValue({2, 0.5}));
  EXPECT_EQ(curve[49], SweepValue({100, 98.5}));
  EXPECT_EQ(thinned({1, 2}, 50), SweepValue({{1, 1.0}, {2, 2.0}}));
  EXPECT_TRUE(thinned({std::nan(""), std::nan("")}, 50).empty());
}

}  // namespace
}  // namespace steepest::trainer
