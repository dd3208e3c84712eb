// SPDX-License-Identifier: Apache-2.0
// One run a folder, one trainer at a time.
#include "trainer/run/run_folder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "steepest/io/atomic_file.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest::trainer {
namespace {

using test::Folder;

TEST(RunFolder, IsMadeWithItsParents) {
  const Folder root;
  const RunFolder run = RunFolder::create(root / "a/b/c");
  run.write_config("[run]\n");
  EXPECT_EQ(test::slurp(root / "a/b/c/config.toml"), "[run]\n");
  EXPECT_EQ(run / "x", root / "a/b/c/x");
}

TEST(RunFolder, KeepsOneEntryForEachStart) {
  const Folder root;
  const RunFolder run = RunFolder::create(root / "run");
  run.add_environment({.steepest = "0.1.0", .device = "cpu"});
  run.add_environment({.steepest = "0.2.0", .device = "cpu"});
  const auto starts = nlohmann::json::parse(test::slurp(run / "env.json"));
  ASSERT_EQ(starts.size(), 2);
  EXPECT_EQ(starts[1]["steepest"], "0.2.0");
  for (const char* key : {"started", "torch", "device", "threads", "cpu"}) {
    EXPECT_TRUE(starts[0].contains(key)) << key;
  }
  write_file(run / "env.json", "damaged");
  EXPECT_EQ(test::error_of([&] { run.add_environment({}); }),
            run / "env.json" + ": not a list of starts");
}

TEST(RunFolder, NeverOverwritesARun) {
  const Folder root;
  for (const std::string trace : {"config.toml", "metrics.jsonl", "ckpt-5"}) {
    make_folder(root / "run");
    write_file(root / "run/" + trace, "x");
    EXPECT_EQ(
        test::error_of([&] { RunFolder::create(root / "run"); }),
        root / "run" + ": already holds a run (" + trace + "): resume it, or give another folder");
    EXPECT_EQ(test::slurp(root / "run/" + trace), "x");
    std::filesystem::remove_all(root / "run");
  }
}

TEST(RunFolder, AFolderWithOtherThingsWillDo) {
  const Folder root;
  write_file(root / "notes.txt", "mine");
  RunFolder::create(root.path());
  EXPECT_EQ(test::slurp(root / "notes.txt"), "mine");
}

TEST(RunFolder, ResumesOnlyWhatIsThere) {
  const Folder root;
  EXPECT_EQ(test::error_of([&] { RunFolder::resume(root / "none"); }),
            root / "none" + ": no run to resume (no config.toml)");
  EXPECT_FALSE(std::filesystem::exists(root / "none"));
  RunFolder::create(root / "run").write_config("");
  write_file(root / "run/config.toml.tmp-12-0", "half");
  RunFolder::resume(root / "run");
  EXPECT_EQ(test::names_in(root / "run"), (std::vector<std::string>{".lock", "config.toml"}));
}

TEST(RunFolder, NotAFolder) {
  const Folder root;
  write_file(root / "file", "x");
  EXPECT_TRUE(test::one_line(test::error_of([&] { RunFolder::create(root / "file"); })));
  EXPECT_EQ(test::error_of([&] { RunFolder::create(root / "file/run"); }),
            root / "file/run" + ": cannot create: Not a directory");
}

TEST(RunFolder, TheSecondTrainerIsRefusedAndTheFirstUnharmed) {
  const Folder root;
  const RunFolder first = RunFolder::create(root / "run");
  first.write_config("first");
  const std::string expected = root / "run" + ": another trainer is writing to it (process " +
                               std::to_string(::getpid()) + ")";
  for (const bool resume : {false, true}) {
    const auto second = [&] {
      const std::string message = test::error_of(
          [&] { resume ? RunFolder::resume(root / "run") : RunFolder::create(root / "run"); });
      return message == expected ? 0 : 1;
    };
    // In another process, and in this one.
    EXPECT_TRUE(test::exited_with(test::in_child(second), 0));
    EXPECT_EQ(second(), 0);
  }
  EXPECT_EQ(test::slurp(root / "run/config.toml"), "first");
  EXPECT_EQ(test::slurp(root / "run/.lock"), std::to_string(::getpid()));
}

TEST(RunFolder, TheLockEndsWithItsOwner) {
  const Folder root;
  EXPECT_TRUE(test::killed(test::in_child([&] {
    const RunFolder run = RunFolder::create(root / "run");
    run.write_config("");
    return ::kill(::getpid(), SIGKILL);
  })));
  EXPECT_NO_THROW(RunFolder::resume(root / "run"));
}

TEST(RunFolder, FolderWithoutTheRightToWrite) {
  const Folder root;
  std::filesystem::permissions(root.path(), std::filesystem::perms(0555));
  EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                  test::drop_rights();
                                  return test::error_of([&] { RunFolder::create(root / "run"); }) ==
                                                 root / "run" + ": cannot create: Permission denied"
                                             ? 0
                                             : 1;
                                }),
                                0));
}

}  // namespace
}  // namespace steepest::trainer
