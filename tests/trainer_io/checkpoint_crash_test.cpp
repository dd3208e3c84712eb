// SPDX-License-Identifier: Apache-2.0
// A save that is killed, loses its power or fails between any two operations: the run can always be
// resumed, from the new checkpoint or from one that was there before.
#include <gtest/gtest.h>

#include <set>

#include "tests/trainer_io/checkpoints.h"
#include "trainer/run/checkpoint.h"

namespace steepest::trainer {
namespace {

using test::checkpoint_of;
using test::Folder;
using test::is_whole;

// What a power failure may take: contents that were not synced, and names whose folder was not.
struct PowerLoss {
  bool contents = false, names = false;
  int at = -1;  // the operation before which it happens

  std::set<std::string> unsynced_contents, unsynced_names;
  std::string operation, path;  // the one under way: done once the next begins
  int count = 0;

  void finish() {
    if (operation == "write") unsynced_contents.insert(path);
    if (operation == "sync") unsynced_contents.erase(path);
    if (operation == "rename to" || operation == "create") unsynced_names.insert(path);
    if (operation == "sync folder") {
      std::erase_if(unsynced_names, [&](const auto& name) { return folder_of(name) == path; });
    }
  }

  void strike() const {
    for (const auto& lost : unsynced_contents) {
      for (const auto& name : test::names_in(folder_of(lost))) {  // the file, or its temporary
        const std::string file = folder_of(lost) + "/" + name;
        if (contents && file.starts_with(lost)) std::filesystem::resize_file(file, 0);
      }
    }
    for (const auto& lost : unsynced_names) {
      if (names) std::filesystem::remove_all(lost);
    }
    ::kill(::getpid(), SIGKILL);
  }
};
PowerLoss loss;

int power_hook(const char* operation, const std::string& path) {
  loss.finish();
  if (loss.count++ == loss.at) loss.strike();
  loss.operation = operation;
  loss.path = path;
  return 0;
}

// A run with checkpoints 1 and 2, about to save 3. Copied, because saving waits for the disk.
void prepare(const Folder& run) {
  static const Folder model;
  if (test::names_in(model.path()).empty()) {
    save_checkpoint(model.path(), checkpoint_of(1));
    save_checkpoint(model.path(), checkpoint_of(2));
  }
  for (const auto& name : test::names_in(run.path())) std::filesystem::remove_all(run / name);
  std::filesystem::copy(model.path(), run.path(), std::filesystem::copy_options::recursive);
}

// The run resumes from 2 or 3; after the next save nothing is left over. Returns the step.
int64_t expect_resumable(const Folder& run) {
  const auto latest = latest_checkpoint(run.path());
  EXPECT_TRUE(latest);
  if (!latest) return -1;
  const int64_t step = latest->checkpoint.step;
  EXPECT_TRUE(step == 2 || step == 3) << step;
  EXPECT_TRUE(is_whole(latest->checkpoint, step));
  EXPECT_TRUE(latest->damaged.empty());
  save_checkpoint(run.path(), checkpoint_of(step + 1));
  EXPECT_EQ(test::names_in(run.path()),
            (std::vector<std::string>{"ckpt-" + std::to_string(step),
                                      "ckpt-" + std::to_string(step + 1)}));
  EXPECT_EQ(test::names_in(run / "ckpt-" + std::to_string(step)).size(), 4);
  return step;
}

int operations_of_save() {
  const Folder run;
  prepare(run);
  return test::operations_of([&] { save_checkpoint(run.path(), checkpoint_of(3)); });
}

TEST(CheckpointCrash, KilledBeforeEveryOperation) {
  const Folder run;
  const int operations = operations_of_save();
  ASSERT_GT(operations, 50);
  int64_t before = 2;
  for (int at = 0; at < operations; ++at) {
    prepare(run);
    EXPECT_TRUE(test::killed(test::in_child([&] {
      test::FaultAt fault(at, 0);
      save_checkpoint(run.path(), checkpoint_of(3));
      return 0;
    }))) << at;
    const int64_t step = expect_resumable(run);
    EXPECT_GE(step, before) << at;  // once durable, it stays
    before = step;
  }
  EXPECT_EQ(before, 3);
}

TEST(CheckpointCrash, PowerLostBeforeEveryOperation) {
  const Folder run;
  const int operations = operations_of_save();
  for (const auto& [contents, names] :
       std::vector<std::pair<bool, bool>>{{true, false}, {false, true}, {true, true}}) {
    for (int at = 0; at <= operations; ++at) {  // the last: after the save has returned
      prepare(run);
      EXPECT_TRUE(test::killed(test::in_child([&] {
        loss = {.contents = contents, .names = names, .at = at};
        set_fault_hook(power_hook);
        save_checkpoint(run.path(), checkpoint_of(3));
        power_hook("nothing", "");
        return 0;
      }))) << at;
      const int64_t step = expect_resumable(run);
      EXPECT_EQ(step == 3 || at < operations, true);
    }
  }
}

// Killed again and again, each time a little later.
TEST(CheckpointCrash, CrashAfterCrash) {
  const Folder run;
  prepare(run);
  const int operations = operations_of_save();
  for (int at = 0; at < operations; at += 3) {
    test::in_child([&] {
      test::FaultAt fault(at, 0);
      save_checkpoint(run.path(), checkpoint_of(3));
      return 0;
    });
    const auto latest = latest_checkpoint(run.path());
    ASSERT_TRUE(latest);
    EXPECT_TRUE(is_whole(latest->checkpoint, latest->checkpoint.step));
    EXPECT_GE(latest->checkpoint.step, 2);
  }
}

TEST(CheckpointCrash, EveryFailingOperationIsAnErrorOrAWarning) {
  const Folder run;
  const int operations = operations_of_save();
  int errors = 0, warnings = 0;
  for (const int error : {ENOSPC, EIO}) {
    for (int at = 0; at < operations; ++at) {
      prepare(run);
      std::string message;
      Saved saved;
      {
        test::FaultAt fault(at, error);
        message = test::error_of([&] { saved = save_checkpoint(run.path(), checkpoint_of(3)); });
      }
      errors += !message.empty();
      warnings += !saved.warnings.empty();
      for (const auto& line : saved.warnings) EXPECT_TRUE(test::one_line(line)) << line;
      if (!message.empty()) {
        EXPECT_TRUE(test::one_line(message)) << message;
        EXPECT_EQ(message.find(run.path()), 0) << message;
        // Space is given back, unless it is the manifest's own durability that is in doubt.
        const int64_t newest = checkpoint_steps(run.path()).back();
        EXPECT_EQ(is_folder(run / "ckpt-3"), newest == 3) << at;
      }
      expect_resumable(run);
    }
  }
  EXPECT_GT(errors, 80);
  EXPECT_GT(warnings, 10);
}

TEST(CheckpointCrash, DiskFull) {
  const Folder run;
  const auto child = [&] {
    test::limit_space(run.path(), 1 << 20);
    save_checkpoint(run.path(), checkpoint_of(1));
    const std::string message =
        test::error_of([&] { save_checkpoint(run.path(), checkpoint_of(2, 100'000)); });
    const auto latest = latest_checkpoint(run.path());
    return test::one_line(message) && message.find(": cannot write: ") != std::string::npos &&
                   test::names_in(run.path()) == std::vector<std::string>{"ckpt-1"} &&
                   is_whole(latest->checkpoint, 1)
               ? 0
               : 1;
  };
  EXPECT_TRUE(test::exited_with(test::in_child(child), 0));
}

TEST(CheckpointCrash, FolderWithoutTheRightToWrite) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  std::filesystem::permissions(run.path(), std::filesystem::perms(0555));
  const auto child = [&] {
    test::drop_rights();
    const std::string message =
        test::error_of([&] { save_checkpoint(run.path(), checkpoint_of(2)); });
    return message == run / "ckpt-2" + ": cannot create: Permission denied" &&
                   is_whole(latest_checkpoint(run.path())->checkpoint, 1)
               ? 0
               : 1;
  };
  EXPECT_TRUE(test::exited_with(test::in_child(child), 0));
}

}  // namespace
}  // namespace steepest::trainer
