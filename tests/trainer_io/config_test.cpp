// SPDX-License-Identifier: Apache-2.0
// What a run file gives, and that what is written back is read as the same.
#include "trainer/config/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest::trainer {
namespace {

const char* const kRun = R"([run]
out = "runs/a"
seed = 7
steps = 1_000
dtype = "bfloat16"

[model]
layers = 6
width = 96
heads = 6
context = 64
positions = "learned"

[data]
kind = "text"
path = "books"
extensions = [".txt", ".md"]

[batch]
rows = 16
accumulate = 2

[optimizer]
recipe = "muon"
lr = 1
weight_decay = 0.1
radius = 0.2
nesterov = false

[schedule]
kind = "constant_linear"
warmup = 10
floor = 0.1

[[group]]
match = "*.query.weight"
num_heads = 6

[[group]]
match = ["head.*", "embed*"]
role = "backup"
lr = 3e-3
)";

TEST(Config, ReadsARunFile) {
  const RunSpec spec = parse_config(kRun, "run.toml");
  EXPECT_EQ(spec.out, "runs/a");
  EXPECT_EQ(spec.seed, 7);
  EXPECT_EQ(spec.steps, 1000);
  EXPECT_TRUE(spec.bfloat16);
  EXPECT_EQ(spec.model.gpt.layers, 6);
  EXPECT_EQ(spec.model.gpt.positions, "learned");
  EXPECT_EQ(spec.data.extensions, (std::vector<std::string>{".txt", ".md"}));
  EXPECT_EQ(spec.data.batch, 16);
  EXPECT_EQ(spec.accumulate, 2);
  EXPECT_EQ(spec.optimizer.lr, 1.0);  // a whole number is a number
  EXPECT_EQ(spec.optimizer.radius, "0.2");
  EXPECT_EQ(spec.optimizer.nesterov, false);
  EXPECT_FALSE(spec.optimizer.momentum);  // not given: the recipe's
  EXPECT_EQ(spec.schedule.warmup, 10);
  ASSERT_EQ(spec.groups.size(), 2);
  EXPECT_EQ(spec.groups[0].match, std::vector<std::string>{"*.query.weight"});
  EXPECT_EQ(spec.groups[0].view.num_heads, 6);
  EXPECT_EQ(spec.groups[1].match.size(), 2);
  EXPECT_EQ(spec.groups[1].role, "backup");
  EXPECT_EQ(spec.groups[1].options.lr, 3e-3);
}

TEST(Config, WhatFollowsFromOtherKeys) {
  const RunSpec spec = parse_config(kRun, "run.toml");
  EXPECT_EQ(spec.data.seed, spec.seed);
  EXPECT_EQ(spec.data.context, 64);
  EXPECT_EQ(spec.data.vocab, spec.model.gpt.vocab);
}

TEST(Config, OverridesComeLastAndInOrder) {
  const RunSpec spec = parse_config(
      kRun, "run.toml",
      {"run.steps=5", "schedule.warmup=0", "run.steps=6", "optimizer.lr=0.5", "data.path=a b.txt",
       "optimizer.norm=ky_fan(k=8)", "data.extensions=['.py']", "group.1.lr=0.25",
       "run.out=\"quoted\"", "optimizer.radius=3", "run.dtype=float32", "data.path=7"});
  EXPECT_EQ(spec.steps, 6);
  EXPECT_EQ(spec.optimizer.lr, 0.5);
  EXPECT_EQ(spec.data.path, "7");  // a bare value of a text key is text
  EXPECT_EQ(spec.optimizer.norm, "ky_fan(k=8)");
  EXPECT_EQ(spec.data.extensions, std::vector<std::string>{".py"});
  EXPECT_EQ(spec.groups[1].options.lr, 0.25);
  EXPECT_EQ(spec.out, "quoted");
  EXPECT_EQ(spec.optimizer.radius, "3");
  EXPECT_FALSE(spec.bfloat16);
}

TEST(Config, AnOverrideAddsAGroup) {
  const RunSpec spec =
      parse_config(kRun, "run.toml", {"group.2.lr=0.5", "group.2.match=head.*", "group.3.match=*"});
  ASSERT_EQ(spec.groups.size(), 4);
  EXPECT_EQ(spec.groups[2].match, std::vector<std::string>{"head.*"});
  EXPECT_EQ(spec.groups[2].options.lr, 0.5);
  EXPECT_EQ(resolved_toml(parse_config(resolved_toml(spec), "again")), resolved_toml(spec));
}

TEST(Config, OverridesAloneMakeARun) {
  const RunSpec spec = load_config(
      "", {"model.kind=mlp", "data.kind=procedural", "model.widths=[64, 32]", "model.dropout=0.5"});
  EXPECT_EQ(spec.model.kind, "mlp");
  EXPECT_EQ(spec.model.mlp.widths, (std::vector<int64_t>{64, 32}));
  EXPECT_EQ(spec.model.mlp.dropout, 0.5);
  EXPECT_EQ(spec.model.gpt.dropout, 0);
}

TEST(Config, APresetComesBeforeTheOtherKeysWhereverItStands) {
  const RunSpec spec =
      load_config("", {"model.layers=2", "model.preset=gpt2", "data.path=x", "run.seed=1"});
  EXPECT_EQ(spec.model.gpt.width, 768);
  EXPECT_EQ(spec.model.gpt.layers, 2);
  EXPECT_TRUE(spec.model.gpt.tied);
}

TEST(Config, ReadsFiles) {
  const test::Folder folder;
  test::spill(folder / "run.toml", kRun);
  EXPECT_EQ(load_config(folder / "run.toml").seed, 7);
  EXPECT_EQ(test::error_of([&] { load_config(folder / "none.toml"); }),
            folder / "none.toml" + ": cannot open: No such file or directory");
}

void expect_same(const RunSpec& a, const RunSpec& b) {
  EXPECT_EQ(resolved_toml(a), resolved_toml(b));
  EXPECT_EQ(first_difference(a, b), "");
  EXPECT_EQ(config_hash(a), config_hash(b));
}

TEST(Config, ResolvedIsReadAsTheSame) {
  const RunSpec file = parse_config(kRun, "run.toml");
  expect_same(file, parse_config(resolved_toml(file), "config.toml"));
  for (const auto& sets : std::vector<std::vector<std::string>>{
           {"model.kind=cnn", "data.kind=procedural", "model.channels=[8,16]"},
           {"model.preset=gpt2-medium", "data.path=it's \"odd\"\\path", "optimizer.recipe=adamw"},
           {"data.kind=tokens", "data.path=a*", "data.validation_path=b*",
            "schedule.kind=cosine"}}) {
    const RunSpec spec = load_config("", sets);
    const std::string text = resolved_toml(spec);
    const RunSpec again = parse_config(text, "config.toml");
    expect_same(spec, again);
    EXPECT_EQ(resolved_toml(again), text);
  }
}

TEST(Config, ResolvedNumbersAreExact) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    RunSpec spec = parse_config(kRun, "run.toml");
    spec.optimizer.lr = std::ldexp(static_cast<double>(random() >> 11), -40 - round / 2);
    spec.seed = random() >> 1;
    const RunSpec again = parse_config(resolved_toml(spec), "config.toml");
    EXPECT_EQ(again.optimizer.lr, spec.optimizer.lr);
    EXPECT_EQ(again.seed, spec.seed);
  }
}

TEST(Config, ResolvedText) {
  const RunSpec spec = load_config(
      "", {"model.kind=mlp", "data.kind=procedural", "optimizer.lr=1e-5", "run.out=a'b"});
  EXPECT_EQ(resolved_toml(spec), R"([run]
out = "a'b"
seed = 0
steps = 100
threads = 0
device = 'cpu'
dtype = 'float32'
eval_every = 0
eval_batches = 8
checkpoint_every = 0
log_every = 10
max_skipped = 10
measure_duals = false

[model]
kind = 'mlp'
widths = [512]
dropout = 0.0

[data]
kind = 'procedural'
order = 'shuffled'
flip = false
translate = 0
train_images = 20000
validation_images = 4000

[batch]
rows = 32
accumulate = 1

[optimizer]
recipe = 'muon'
clip = 0.0
lr = 1e-05
nonfinite = 'skip'

[schedule]
kind = 'constant'
warmup = 0
)");
}

TEST(Config, HelpIsARunFileOfTheDefaults) {
  const std::string help = config_help();
  const RunSpec spec = parse_config(help, "help", {"data.path=x"});
  EXPECT_EQ(resolved_toml(spec), resolved_toml(load_config("", {"data.path=x"})));
  for (const std::string key : {"layers = 4", "# widths = [512]",
                                "# norm = ", "# match = ", "steps = 100", "# preset = "}) {
    EXPECT_NE(help.find("\n" + key), std::string::npos) << key;
  }
  std::string longest;
  for (size_t begin = 0, end; begin < help.size(); begin = end + 1) {
    end = help.find('\n', begin);
    if (end - begin > longest.size()) longest = help.substr(begin, end - begin);
  }
  EXPECT_LE(longest.size(), 140) << longest;
}

TEST(Config, HashAndDifferenceIgnoreWhatMayChange) {
  const RunSpec spec = parse_config(kRun, "run.toml");
  for (const std::string change : {"run.out=b", "run.threads=3", "run.eval_every=1",
                                   "run.log_every=3", "run.checkpoint_every=9", "data.path=c"}) {
    const RunSpec other = parse_config(kRun, "run.toml", {change});
    EXPECT_EQ(config_hash(other), config_hash(spec)) << change;
    EXPECT_EQ(first_difference(other, spec), "") << change;
  }
  const std::pair<std::string, std::string> changes[] = {
      {"run.seed=8", "run.seed: received 8, expected 7"},
      {"run.steps=2000", "run.steps: received 2000, expected 1000"},
      {"model.layers=5", "model.layers: received 5, expected 6"},
      {"run.dtype=float32", "run.dtype: received 'float32', expected 'bfloat16'"},
      {"optimizer.momentum=0.5", "optimizer.momentum: received 0.5, expected nothing"},
      {"group.1.lr=1", "group.1.lr: received 1.0, expected 0.003"},
      {"schedule.kind=constant", "schedule.kind: received 'constant', expected 'constant_linear'"}};
  for (const auto& [change, difference] : changes) {
    std::string text = kRun;
    if (change.find("schedule") == 0) text.erase(text.find("floor = 0.1\n"), 12);
    const RunSpec other = parse_config(text, "run.toml", {change});
    EXPECT_NE(config_hash(other), config_hash(spec)) << change;
    EXPECT_EQ(first_difference(other, spec), difference);
  }
}

TEST(Config, AllDifferencesAreListedThoseOfBothFirst) {
  const RunSpec before = parse_config(kRun, "run.toml");
  const RunSpec after =
      parse_config(kRun, "run.toml", {"optimizer.backup_beta2=.5", "model.layers=5", "run.seed=8"});
  std::vector<std::string> keys;
  for (const auto& difference : differences(after, before)) keys.push_back(difference.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"model.layers", "run.seed", "optimizer.backup_beta2"}));
  EXPECT_TRUE(differences(before, before).empty());
}

TEST(Config, TheSameStepsAreNoDifferenceOfAnotherSchedule) {
  const RunSpec before = load_config("", {"data.path=x"});
  const RunSpec after = load_config("", {"data.path=x", "schedule.kind=cosine"});
  for (const auto& difference : differences(after, before))
    EXPECT_TRUE(difference.key.starts_with("schedule.")) << difference.text();
}

TEST(Config, StepsMayChangeUnderAConstantSchedule) {
  const std::vector<std::string> constant = {"data.path=x"};
  const RunSpec spec = load_config("", constant);
  const RunSpec longer = load_config("", {"data.path=x", "run.steps=1000"});
  EXPECT_EQ(config_hash(spec), config_hash(longer));
}

}  // namespace
}  // namespace steepest::trainer
