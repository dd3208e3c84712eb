// SPDX-License-Identifier: Apache-2.0
// Runs that the first versions began: their hashes are known, and their routing stays.
#include "trainer/resume.h"

#include <gtest/gtest.h>

#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "trainer/config/config.h"

namespace steepest::trainer {
namespace {

const char* const kImages = R"([run]
steps = 2
[model]
kind = "mlp"
widths = [8]
[data]
kind = "procedural"
train_images = 16
validation_images = 8
[batch]
rows = 4
[optimizer]
recipe = "muon"
lr = 0.02
)";

// The literals were computed by the first version, in which nonfinite had no default.
TEST(Resume, HashesOfTheFirstVersionAreKnown) {
  const std::string unset = "479995f9", skip = "0be1ed53", propagate = "a97e0d8c";
  for (const std::string now : {"", "nonfinite = \"skip\"\n", "nonfinite = \"propagate\"\n"}) {
    const RunSpec spec = parse_config(kImages + now, "run.toml");
    EXPECT_EQ(config_hash(spec), unset) << now;
    for (const auto& hash : {unset, skip, propagate})
      EXPECT_TRUE(has_config_hash(spec, hash)) << now << hash;
  }
  for (const std::string change : {"optimizer.lr=0.03", "model.widths=[9]", "run.seed=1"}) {
    const RunSpec other = parse_config(kImages, "run.toml", {change});
    for (const auto& hash : {unset, skip, propagate})
      EXPECT_FALSE(has_config_hash(other, hash)) << change << hash;
  }
}

// A run that said lr alone began when its recipe had another rate for what is no matrix.
TEST(Resume, DefaultRatesOfAnotherVersionAreNotTakenInSilence) {
  const RunSpec spec = parse_config(kImages, "run.toml");
  Latest latest;
  latest.folder = "ckpt-5";
  auto& choices = latest.checkpoint.optimizer.metadata["choices"];
  choices = R"({"matrix": {"lr": 0.02}, "backup": {"lr": 0.003}})";
  require_same_rates(spec, latest, {});
  choices = R"({"matrix": {"lr": 0.02}, "backup": {"lr": 0.25}})";
  EXPECT_THROW(
      {
        try {
          require_same_rates(spec, latest, {});
        } catch (const ForeignCheckpoint& error) {
          EXPECT_STREQ(
              error.what(),
              "ckpt-5: optimizer.backup_lr: received 0.003, expected 0.25 as when the run "
              "began, where the recipe had another default: --set optimizer.backup_lr=0.25 "
              "--allow-change optimizer.backup_lr goes on with it");
          throw;
        }
      },
      ForeignCheckpoint);
  require_same_rates(spec, latest, AllowedChanges({"lr"}));
  require_same_rates(spec, latest, AllowedChanges({"optimizer.backup_lr"}));
  require_same_rates(parse_config(kImages, "run.toml", {"optimizer.backup_lr=.25"}), latest, {});
  for (const char* foreign : {"", "[]", "{", R"({"matrix": 1})"}) {
    choices = foreign;
    require_same_rates(spec, latest, {});
  }
}

TEST(Resume, WhatIsAllowedToChange) {
  const AllowedChanges none, lr({"lr"}), one({"optimizer.backup_lr"}), schedule({"schedule"});
  for (const std::string key : {"optimizer.lr", "optimizer.backup_lr", "group.3.lr"}) {
    EXPECT_FALSE(none.contains(key) || schedule.contains(key)) << key;
    EXPECT_TRUE(lr.contains(key)) << key;
    EXPECT_EQ(allowing_option(key), "; --allow-change " + key + " goes on with it");
  }
  EXPECT_TRUE(one.contains("optimizer.backup_lr") && !one.contains("optimizer.lr"));
  EXPECT_TRUE(schedule.contains("schedule.kind") && schedule.contains("schedule.warmup"));
  EXPECT_FALSE(schedule.contains("run.steps"));
  EXPECT_TRUE(AllowedChanges({"steps"}).contains("run.steps"));
  EXPECT_EQ(allowing_option("model.width"), "");
  for (const std::string word : {"model.width", "group.0.match", "schedule.kinds", "", "seed"})
    EXPECT_THROW(AllowedChanges({word}), ConfigError) << word;
}

class Fused : public ::testing::TestWithParam<const char*> {
 protected:
  Fused() { test::spill(folder_ / "text", std::string(600, 'a') + std::string(600, 'b')); }

  RunSpec spec(const std::string& fused = "true") const {
    return parse_config("[model]\nlayers = 1\nwidth = 16\nheads = 2\ncontext = 8\nfused_qkv = " +
                            fused + "\n[data]\npath = \"" + folder_ / "text" +
                            "\"\n[batch]\nrows = 2\n[optimizer]\nrecipe = \"" + GetParam() + "\"\n",
                        "run.toml");
  }
  // As the first versions wrote it: without a word about a fused weight.
  static Checkpoint first_versions(Session& session, int steps) {
    EXPECT_TRUE(session.route_as({}));
    for (int i = 0; i < steps; ++i) session.train_step();
    Checkpoint made = session.checkpoint(config_hash(session.spec()));
    EXPECT_FALSE(made.state.metadata.count("fused"));
    return made;
  }
  static void expect_same(Session& a, Session& b) {
    for (auto* session : {&a, &b}) session->train_step();
    const auto x = a.checkpoint(""), y = b.checkpoint("");
    ASSERT_EQ(x.optimizer.tensors.size(), y.optimizer.tensors.size());
    for (size_t i = 0; i < x.optimizer.tensors.size(); ++i)
      EXPECT_TRUE(at::equal(x.optimizer.tensors[i].second, y.optimizer.tensors[i].second)) << i;
    for (size_t i = 0; i < x.model.tensors.size(); ++i)
      EXPECT_TRUE(at::equal(x.model.tensors[i].second, y.model.tensors[i].second)) << i;
  }

  test::Folder folder_;
};

TEST_P(Fused, ARunOfTheFirstVersionsGoesOnWithTheWholeMatrix) {
  Session whole(spec()), resumed(spec()), again(spec());
  const Latest latest{first_versions(whole, 2), "run/ckpt-2", {}};
  const auto said = require_same_session(resumed, latest, /*same_config=*/true);
  EXPECT_NE(said.find("run/ckpt-2: an earlier version began this run"), std::string::npos) << said;
  resumed.restore(latest.checkpoint, latest.folder);
  expect_same(whole, resumed);
  const Latest later{resumed.checkpoint(config_hash(spec())), "run/ckpt-3", {}};
  EXPECT_NE(require_same_session(again, later, true), "");  // and so does the next start
  again.restore(later.checkpoint, later.folder);
  expect_same(resumed, again);
}

TEST_P(Fused, ANewRunGoesOnWithItsParts) {
  Session parts(spec()), resumed(spec()), whole(spec());
  for (int i = 0; i < 2; ++i) parts.train_step();
  const Latest latest{parts.checkpoint(config_hash(spec())), "run/ckpt-2", {}};
  EXPECT_EQ(require_same_session(resumed, latest, true), "");
  resumed.restore(latest.checkpoint, latest.folder);
  expect_same(parts, resumed);
  first_versions(whole, 3);
  bool same = true;
  for (size_t i = 0; i < whole.model().parameters().size(); ++i)
    same &= at::equal(whole.model().parameters()[i].tensor, parts.model().parameters()[i].tensor);
  EXPECT_FALSE(same);
}

TEST_P(Fused, NothingIsSaidOfAModelThatFusesNothing) {
  Session session(spec("false"));
  EXPECT_FALSE(session.route_as({}));
}

INSTANTIATE_TEST_SUITE_P(Recipes, Fused, ::testing::Values("muon", "muonmax-momo", "neon(k=2)"),
                         [](const auto& info) { return "r" + std::to_string(info.index); });

}  // namespace
}  // namespace steepest::trainer
