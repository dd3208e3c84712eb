// SPDX-License-Identifier: Apache-2.0
// One line for each mistake: where, which key, what was received, what is allowed, what may be
// meant.
#include <gtest/gtest.h>

#include <random>

#include "tests/support/faults.h"
#include "trainer/config/config.h"

namespace steepest::trainer {
namespace {

// A valid run of images, so that only the tested mistake is reported.
const std::string kBase =
    "[model]\nkind = \"mlp\"\n[data]\nkind = \"procedural\"\n[run]\nsteps = 10\n";

std::string error_of_text(const std::string& text) {
  const std::string message = test::error_of([&] { parse_config(text, "run.toml"); });
  EXPECT_TRUE(message.empty() || test::one_line(message)) << message;
  return message;
}

std::string error_of_set(const std::vector<std::string>& sets) {
  const std::string message = test::error_of([&] { parse_config(kBase, "run.toml", sets); });
  EXPECT_TRUE(message.empty() || test::one_line(message)) << message;
  return message;
}

struct Mistake {
  std::string line, message;  // added to [run], which makes it line 7
};

TEST(ConfigErrors, Values) {
  const std::vector<Mistake> mistakes = {
      {"seed = -1", "run.seed: received -1, allowed a whole number from 0"},
      {"seed = 1.0", "run.seed: received 1.0, allowed a whole number from 0"},
      {"seed = \"1\"", "run.seed: received \"1\", allowed a whole number from 0"},
      {"seed = true", "run.seed: received true, allowed a whole number from 0"},
      {"seed = [1]", "run.seed: received [ 1 ], allowed a whole number from 0"},
      {"seed = [0.1, [], {a = 1}]",
       "run.seed: received [ 0.1, [], {..} ], allowed a whole number from 0"},
      {"seed = {}", "run.seed: received a table, allowed a whole number from 0"},
      {"threads = 5000", "run.threads: received 5000, allowed a whole number from 0 to 4096"},
      {"log_every = 0", "run.log_every: received 0, allowed a whole number from 1"},
      {"device = \"gpu\"", "run.device: received \"gpu\", allowed cpu, cuda; nearest: cpu"},
      {"dtype = \"bfloat\"",
       "run.dtype: received \"bfloat\", allowed float32, bfloat16; nearest: "
       "bfloat16"},
      {"dtype = 16", "run.dtype: received 16, allowed float32, bfloat16"},
      {"out = 5", "run.out: received 5, allowed a text"},
      {"stepz = 5", "run.stepz: unknown key; nearest: steps"},
      {"qqqqqqqqq = 5", "run.qqqqqqqqq: unknown key"},
      {"momentum = 0.9", "run.momentum: unknown key: it belongs to [optimizer]"},
      {"seed = 1979-05-27", "run.seed: received 1979-05-27, allowed a whole number from 0"}};
  for (const auto& mistake : mistakes) {
    EXPECT_EQ(error_of_text(kBase + mistake.line + "\n"), "run.toml:7: " + mistake.message);
  }
}

TEST(ConfigErrors, Numbers) {
  const std::pair<std::string, std::string> numbers[] = {
      {"lr = nan", "lr: received nan, allowed a number from 0 to 1e+06"},
      {"lr = -inf", "lr: received -inf, allowed a number from 0 to 1e+06"},
      {"lr = inf", "lr: received inf, allowed a number from 0 to 1e+06"},
      {"lr = -0.1", "lr: received -0.1, allowed a number from 0 to 1e+06"},
      {"momentum = 1", "momentum: received 1, allowed a number from 0 and below 1"},
      {"momentum = -1.0", "momentum: received -1.0, allowed a number from 0 and below 1"},
      {"polar_steps = 0", "polar_steps: received 0, allowed a whole number from 1 to 100"},
      {"polar_steps = 1000000000",
       "polar_steps: received 1000000000, allowed a whole number from 1 to 100"},
      {"svd_tol = 0", "svd_tol: received 0, allowed a number above 0 and below 1"},
      {"nesterov = 1", "nesterov: received 1, allowed true, false"},
      {"radius = true", "radius: received true, allowed a text or a number"},
      {"outer = \"l1\"", "outer: received \"l1\", allowed max, l2, hybrid; nearest: l2"}};
  for (const auto& [line, message] : numbers) {
    EXPECT_EQ(error_of_text(kBase + "[optimizer]\n" + line + "\n"),
              "run.toml:8: optimizer." + message);
  }
}

TEST(ConfigErrors, Images) {
  const std::pair<std::string, std::string> sets[] = {
      {"data.side=12", "data.side: received 12, allowed 1, 2, 4, 8, 16, 32"},
      {"data.side=0", "data.side: received 0, allowed a whole number from 1 to 32"},
      {"data.limit=5",
       "data.limit: received a value with data.kind \"procedural\", allowed with cifar10"}};
  for (const auto& [set, message] : sets)
    EXPECT_EQ(error_of_set({set}), "--set " + set + ": " + message);
  EXPECT_EQ(error_of_set({"data.side=4", "model.kind=cnn", "model.channels=[8, 8, 8]"}),
            "--set model.channels=[8, 8, 8]: model.channels: received 3 blocks, allowed as many as "
            "data.side = 4 can be halved");
  const auto spec = parse_config(kBase, "run.toml"),
             small = parse_config(kBase, "run.toml", {"data.side=8"});
  EXPECT_EQ(small.model.mlp.inputs, 192);
  EXPECT_EQ(first_difference(small, spec), "data.side: received 8, expected nothing");
  EXPECT_NE(config_hash(small), config_hash(spec));
}

TEST(ConfigErrors, DataThatDoNotFitTheModel) {
  const std::pair<std::vector<std::string>, std::string> mistakes[] = {
      {{"model.kind=gpt"},
       "data.kind: received \"procedural\", allowed text, tokens, modular with "
       "model.kind \"gpt\""},
      {{"model.kind=matrix"},
       "data.kind: received \"procedural\", allowed none with model.kind \"matrix\""},
      {{"data.kind=modular"},
       "data.kind: received \"modular\", allowed cifar10, procedural with model.kind \"mlp\""},
      {{"model.kind=gpt", "data.kind=modular", "model.vocab=97"},
       "model.vocab: received 97, allowed from data.modulus + 1 = 98"},
      {{"model.kind=gpt", "data.kind=modular", "model.context=2"},
       "model.context: received 2, allowed from 3 with data.kind \"modular\""},
      {{"model.kind=resnet", "data.side=4", "batch.rows=1"},
       "batch.rows: received 1, allowed 2 or more a micro-batch with data.side = 4"},
      {{"model.kind=resnet", "data.side=4", "batch.accumulate=32"},
       "batch.rows: received 32, allowed 2 or more a micro-batch with data.side = 4"}};
  for (const auto& [sets, message] : mistakes) {
    const std::string error = error_of_set(sets);
    EXPECT_NE(error.find(": " + message), std::string::npos) << error;
  }
  EXPECT_EQ(error_of_set({"model.kind=resnet", "data.side=8", "batch.rows=1"}), "");
  EXPECT_EQ(error_of_set({"model.kind=gpt", "data.kind=modular"}), "");
}

TEST(ConfigErrors, Syntax) {
  const std::pair<std::string, std::string> texts[] = {
      {"[run]\nsteps = 5 6\n", "run.toml:2: "},
      {"[run]\nsteps = 5x\n", "run.toml:2: "},
      {"[run]\nsteps = 1\nsteps = 2\n", "run.toml:3: "},
      {"[run]\nsteps = 1\n[run]\n", "run.toml:3: "},
      {"[run]\nsteps\n", "run.toml:2: "},
      {"[run\n", "run.toml:1: "},
      {"[run]\nout = \"a\n", "run.toml:2: "},
      {"[run]\nout = \"\xff\"\n", "run.toml:2: "},
      {"[run]\nseed = 99999999999999999999\n", "run.toml:2: "},
      {std::string("[run]\nout = \"a\0b\"\n", 18), "run.toml:2: "}};
  for (const auto& [text, where] : texts) {
    const std::string message = error_of_text(text);
    EXPECT_EQ(message.find(where), 0) << message;
    EXPECT_GT(message.size(), where.size() + 10) << message;
  }
}

TEST(ConfigErrors, Sections) {
  const std::string all = "run, model, data, batch, optimizer, schedule, record, group";
  EXPECT_EQ(error_of_text("[modle]\nkind = 1\n"),
            "run.toml:1: \"modle\": unknown section: allowed " + all + "; nearest: model");
  EXPECT_EQ(error_of_text("steps = 1\n"), "run.toml:1: \"steps\": unknown section: allowed " + all);
  EXPECT_EQ(error_of_text("run = 1\n"), "run.toml:1: run: received 1, allowed a table [run]");
  EXPECT_EQ(error_of_text("[[run]]\n"), "run.toml:1: run: received [ {} ], allowed a table [run]");
  EXPECT_EQ(error_of_text("[group]\nmatch = \"a\"\n"),
            "run.toml:1: group: received a table, allowed [[group]] tables");
  EXPECT_EQ(error_of_text("[run.steps]\n"),
            "run.toml:1: run.steps: received a table, allowed a whole number from 1");
}

TEST(ConfigErrors, KeysOfOtherKinds) {
  EXPECT_EQ(error_of_text("[model]\nkind = \"mlp\"\nlayers = 3\n"),
            "run.toml:3: model.layers: received a value with model.kind \"mlp\", allowed with gpt");
  EXPECT_EQ(error_of_text("[schedule]\nfloor = 0.1\n"),
            "run.toml:2: schedule.floor: received a value with schedule.kind \"constant\", allowed "
            "with constant_linear, cosine, replay");
  EXPECT_EQ(
      error_of_text("[model]\nkind = \"gtp\"\n"),
      "run.toml:2: model.kind: received \"gtp\", allowed gpt, mlp, cnn, resnet, airbench, matrix; "
      "nearest: gpt");
}

TEST(ConfigErrors, Groups) {
  const std::string at = "run.toml:8: group.0.";
  EXPECT_EQ(error_of_text(kBase + "[[group]]\nouter = \"l2\"\n"),
            at + "outer: unknown key: it belongs to [optimizer]");
  EXPECT_EQ(error_of_text(kBase + "[[group]]\nrole = \"matrixes\"\n"),
            at + "role: received \"matrixes\", allowed matrix, backup; nearest: matrix");
  EXPECT_EQ(error_of_text(kBase + "[[group]]\nsplit_sizes = [1, 0]\n"),
            at + "split_sizes: received [ 1, 0 ], allowed a list of whole numbers from 1");
  EXPECT_EQ(error_of_text(kBase + "[[group]]\nmatch = [1]\n"),
            at + "match: received [ 1 ], allowed a list of texts");
  for (const std::string text : {"[[group]]\n", "[[group]]\nlr = 1\n", "[[group]]\nmatch = []\n"}) {
    const std::string message = error_of_text(kBase + text);
    EXPECT_NE(message.find("group.0.match: received nothing, allowed a list of globs"),
              std::string::npos)
        << message;
  }
}

TEST(ConfigErrors, TheFirstMistakeOfTheFileIsReported) {
  EXPECT_EQ(error_of_text("[run]\nzzz = 1\nseed = -1\n[batch]\naaa = 1\n"),
            "run.toml:2: run.zzz: unknown key");
}

TEST(ConfigErrors, Overrides) {
  const std::pair<std::string, std::string> sets[] = {
      {"steps", "received \"steps\", allowed section.key=value"},
      {"steps=1", "received \"steps=1\", allowed section.key=value"},
      {"rum.steps=1",
       "\"rum\": unknown section: allowed run, model, data, batch, optimizer, "
       "schedule, record, group; nearest: run"},
      {"run.step=1", "run.step: unknown key; nearest: steps"},
      {"run.steps=", "run.steps: received \"\", allowed a whole number from 1"},
      {"run.steps=1e3", "run.steps: received 1000.0, allowed a whole number from 1"},
      {"run.steps=5 6", "run.steps: received \"5 6\", allowed a whole number from 1"},
      {"run.steps=five", "run.steps: received \"five\", allowed a whole number from 1"},
      {"optimizer.lr=nan", "optimizer.lr: received nan, allowed a number from 0 to 1e+06"},
      {"optimizer.nesterov=yes", "optimizer.nesterov: received \"yes\", allowed true, false"},
      {"model.kind=gtp",
       "model.kind: received \"gtp\", allowed gpt, mlp, cnn, resnet, airbench, matrix; nearest: "
       "gpt"},
      {"group.1.lr=1",
       "group: received \"1\", allowed the number of one of the 0 [[group]] "
       "tables, from 0, or 0 for one more"}};
  for (const auto& [set, message] : sets) {
    EXPECT_EQ(error_of_set({set}), "--set " + set + ": " + message);
  }
  // A line break cannot smuggle a second key in.
  EXPECT_EQ(error_of_set({"run.steps=1\nseed=2"}),
            "--set \"run.steps=1\\nseed=2\": run.steps: received \"1\\nseed=2\", allowed a whole "
            "number from 1");
}

TEST(ConfigErrors, Combinations) {
  const std::pair<std::vector<std::string>, std::string> sets[] = {
      {{"batch.rows=10", "batch.accumulate=3"},
       "--set batch.accumulate=3: batch.accumulate: received 3, allowed a divisor of batch.rows = "
       "10"},
      {{"schedule.warmup=11"},
       "--set schedule.warmup=11: schedule.warmup: received 11, allowed at most run.steps = 10"},
      {{"model.kind=gpt"},
       "run.toml:4: data.kind: received \"procedural\", allowed text, tokens, modular with "
       "model.kind "
       "\"gpt\""},
      {{"data.kind=text"},
       "--set data.kind=text: data.kind: received \"text\", allowed cifar10, procedural with "
       "model.kind \"mlp\""},
      {{"model.kind=gpt", "data.kind=text"},
       "run.toml: data.path: received nothing, allowed a file, folder or glob"},
      {{"model.kind=gpt", "data.kind=tokens", "data.path=a"},
       "run.toml: data.validation_path: received nothing, allowed a shard or a glob of shards"},
      {{"model.kind=gpt", "data.kind=text", "data.path=a", "model.vocab=100"},
       "--set model.vocab=100: model.vocab: received 100, allowed from 256 with data.kind "
       "\"text\""},
      {{"model.kind=gpt", "data.kind=text", "data.path=a", "model.width=100", "model.heads=3"},
       "--set model.heads=3: model.heads: received 3, allowed a divisor of model.width = 100"}};
  for (const auto& [set, message] : sets) EXPECT_EQ(error_of_set(set), message);
}

TEST(ConfigErrors, TheLibrarysOwnChecksAreGivenAPlace) {
  const std::string recipe = error_of_set({"optimizer.recipe=muonn"});
  EXPECT_EQ(recipe.find("--set optimizer.recipe=muonn: "), 0) << recipe;
  const std::string norm = error_of_set({"optimizer.norm=spectrum"});
  EXPECT_EQ(norm.find("--set optimizer.norm=spectrum: "), 0) << norm;
}

// Random edits of a run file: a spec or one line, never a crash.
TEST(ConfigErrors, RandomEdits) {
  const std::string whole = kBase +
                            "[optimizer]\nlr = 0.1\nradius = \"0.2\"\n[[group]]\nmatch = "
                            "[\"a\", \"b\"]\nnum_heads = 2\n";
  std::mt19937 random(4);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = whole;
    for (unsigned edit = 0; edit < 1 + random() % 3; ++edit) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 6);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 12));
      }
      if (text.empty()) text = whole;
    }
    refused += !error_of_text(text).empty();
  }
  EXPECT_GT(refused, 2000);
}

}  // namespace
}  // namespace steepest::trainer
