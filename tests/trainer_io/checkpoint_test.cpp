// SPDX-License-Identifier: Apache-2.0
// Saving, keeping, resuming, refusing.
#include "trainer/run/checkpoint.h"

#include <gtest/gtest.h>

#include "steepest/io/atomic_file.h"
#include "tests/trainer_io/checkpoints.h"

namespace steepest::trainer {
namespace {

using test::checkpoint_of;
using test::Folder;
using test::is_whole;
using Names = std::vector<std::string>;

TEST(Checkpoint, ComesBack) {
  const Folder run;
  EXPECT_FALSE(latest_checkpoint(run.path()));
  const Saved saved = save_checkpoint(run.path(), checkpoint_of(7));
  EXPECT_EQ(saved.folder, run / "ckpt-7");
  EXPECT_TRUE(saved.warnings.empty());
  EXPECT_EQ(test::names_in(saved.folder), (Names{"manifest.json", "model.safetensors",
                                                 "optimizer.safetensors", "state.safetensors"}));
  const auto latest = latest_checkpoint(run.path());
  ASSERT_TRUE(latest);
  EXPECT_TRUE(is_whole(latest->checkpoint, 7));
  EXPECT_EQ(latest->folder, run / "ckpt-7");
  EXPECT_TRUE(latest->damaged.empty());
}

TEST(Checkpoint, KeepsTheNewestTwo) {
  const Folder run;
  for (const int64_t step : {8, 9, 10, 100}) save_checkpoint(run.path(), checkpoint_of(step));
  EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-10", "ckpt-100"}));
  EXPECT_EQ(checkpoint_steps(run.path()), (std::vector<int64_t>{10, 100}));
  EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 100));
  save_checkpoint(run.path(), checkpoint_of(101), 1);
  EXPECT_EQ(test::names_in(run.path()), Names{"ckpt-101"});
}

TEST(Checkpoint, DamagedOnesAreNotCountedAmongTheTwo) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  save_checkpoint(run.path(), checkpoint_of(2));
  test::flip_byte(run / "ckpt-2/model.safetensors", 200, 1);
  save_checkpoint(run.path(), checkpoint_of(3));
  EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-1", "ckpt-3"}));
}

TEST(Checkpoint, LeftoversAreIgnoredAndThenRemoved) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  for (const std::string name : {"ckpt-2", "ckpt-9"}) {
    make_folder(run / name);
    write_file(run / name + "/model.safetensors.tmp-1-0", "half");
  }
  EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 1));
  save_checkpoint(run.path(), checkpoint_of(2));
  EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-1", "ckpt-2"}));
  EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 2));
}

TEST(Checkpoint, OtherNamesAreNotTouched) {
  const Folder run;
  const Names others = {"ckpt-", "ckpt-01", "ckpt--1.old", "ckpt-1.old", "notes", "ckpt-x"};
  for (const auto& name : others) make_folder(run / name);
  save_checkpoint(run.path(), checkpoint_of(1));
  EXPECT_EQ(test::names_in(run.path()).size(), others.size() + 1);
  EXPECT_EQ(checkpoint_steps(run.path()), std::vector<int64_t>{1});
}

TEST(Checkpoint, TheSameStepAgain) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  const auto time = std::filesystem::last_write_time(run / "ckpt-1/manifest.json");
  save_checkpoint(run.path(), checkpoint_of(1));  // valid: left as it is
  EXPECT_EQ(std::filesystem::last_write_time(run / "ckpt-1/manifest.json"), time);
  test::flip_byte(run / "ckpt-1/state.safetensors", 9, 4);
  save_checkpoint(run.path(), checkpoint_of(1));  // damaged: replaced
  EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 1));
}

// Resuming from an older checkpoint leaves a future behind that will not come.
TEST(Checkpoint, OnesAheadAreRemoved) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(10));
  save_checkpoint(run.path(), checkpoint_of(20));
  save_checkpoint(run.path(), checkpoint_of(15));
  EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-10", "ckpt-15"}));
}

TEST(Checkpoint, DamagedNewestIsReportedAndThePreviousUsed) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  save_checkpoint(run.path(), checkpoint_of(2));
  std::filesystem::resize_file(run / "ckpt-2/optimizer.safetensors", 100);
  const auto latest = latest_checkpoint(run.path());
  EXPECT_TRUE(is_whole(latest->checkpoint, 1));
  ASSERT_EQ(latest->damaged.size(), 1);
  EXPECT_TRUE(test::one_line(latest->damaged[0]));
  EXPECT_EQ(latest->damaged[0].find(run / "ckpt-2/optimizer.safetensors: 100 bytes, expected "), 0)
      << latest->damaged[0];
  EXPECT_NE(latest->damaged[0].find("; using " + (run / "ckpt-1")), std::string::npos);
}

TEST(Checkpoint, AllDamaged) {
  const Folder run;
  for (const int64_t step : {1, 2}) {
    save_checkpoint(run.path(), checkpoint_of(step));
    test::flip_byte(checkpoint_folder(run.path(), step) + "/manifest.json", 20, 1);
  }
  EXPECT_EQ(test::error_of([&] { latest_checkpoint(run.path()); }),
            run.path() + ": no valid checkpoint: " + (run / "ckpt-2/manifest.json") +
                ": damaged: it does not match its own crc32");
}

TEST(Checkpoint, RenamedFolder) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  std::filesystem::rename(run / "ckpt-1", run / "ckpt-5");
  EXPECT_EQ(test::error_of([&] { latest_checkpoint(run.path()); }),
            run.path() + ": no valid checkpoint: " + (run / "ckpt-5/manifest.json") +
                ": step received 1, expected 5");
}

TEST(Checkpoint, OtherFormatIsRefusedRatherThanPassedOver) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  save_checkpoint(run.path(), checkpoint_of(2));
  Manifest manifest = verify_folder(run / "ckpt-2");
  for (const int64_t format : {0, 2, 99}) {
    manifest.format = format;
    write_file(run / "ckpt-2/manifest.json", manifest_text(manifest));
    EXPECT_THROW(latest_checkpoint(run.path()), ForeignCheckpoint);
    EXPECT_EQ(test::error_of([&] { latest_checkpoint(run.path()); }),
              run / "ckpt-2/manifest.json" + ": format: received " + std::to_string(format) +
                  ", allowed 1");
  }
}

struct Change {
  std::function<void(Checkpoint&)> apply;
  std::string reason;
};

TEST(Checkpoint, ForeignOnesAreRefusedNamingTheFirstMismatch) {
  const std::vector<Change> changes = {
      {[](auto& c) {
         c.model.tensors[0].second = at::ones({3, 2});
       },
       R"(model.safetensors: tensor "w": received [2, 3] Float, expected [3, 2] Float)"},
      {[](auto& c) { c.model.tensors[1].second = at::ones({2}, at::kDouble); },
       R"(model.safetensors: tensor "b": received [2] Float, expected [2] Double)"},
      {[](auto& c) { c.model.tensors.emplace_back("c", at::ones({1})); },
       R"(model.safetensors: tensor "c" is missing)"},
      {[](auto& c) { c.model.tensors.pop_back(); },
       R"(model.safetensors: tensor "b" is not one of this run)"},
      {[](auto& c) { c.optimizer.metadata["recipe"] = "adamw"; },
       R"(optimizer.safetensors: recipe: received "muon", expected "adamw")"},
      {[](auto& c) { c.optimizer.metadata["k"] = "1"; },
       R"(optimizer.safetensors: k: received "", expected "1")"},
      {[](auto& c) { c.optimizer.tensors.clear(); },
       R"(optimizer.safetensors: tensor "state.w.momentum_buffer" is not one of this run)"},
      {[](auto& c) { c.config_hash = "ffffffff"; },
       R"(manifest.json: config_hash: received "0123abcd", expected "ffffffff")"}};
  for (const auto& change : changes) {
    Checkpoint expected = checkpoint_of(5);
    EXPECT_EQ(test::error_of([&] { require_same_run("run/ckpt-3", checkpoint_of(3), expected); }),
              "");
    change.apply(expected);
    EXPECT_EQ(test::error_of([&] { require_same_run("run/ckpt-3", checkpoint_of(3), expected); }),
              "run/ckpt-3/" + change.reason);
    EXPECT_THROW(require_same_run("run/ckpt-3", checkpoint_of(3), expected), ForeignCheckpoint);
  }
}

TEST(Manifest, IsDeterministicText) {
  const Manifest manifest{
      .step = 3, .config_hash = "0123abcd", .files = {{"model.safetensors", 12, "cbf43926"}}};
  EXPECT_EQ(manifest_text(manifest), R"({
  "crc32": "15ed482e",
  "format": 1,
  "step": 3,
  "config_hash": "0123abcd",
  "files": {
    "model.safetensors": {
      "size": 12,
      "crc32": "cbf43926"
    }
  }
}
)");
}

}  // namespace
}  // namespace steepest::trainer
