// SPDX-License-Identifier: Apache-2.0
// Nothing but a checkpoint's own regular files is ever removed, replaced or written through.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "steepest/io/atomic_file.h"
#include "tests/trainer_io/checkpoints.h"
#include "trainer/run/checkpoint.h"

namespace steepest::trainer {
namespace {

namespace fs = std::filesystem;
using test::checkpoint_of;
using test::Folder;
using test::is_whole;
using Names = std::vector<std::string>;

// A folder of somebody's, with the names of a checkpoint's files among others.
struct Victim {
  Folder folder;
  Names names = {"manifest.json", "model.safetensors", "model.safetensors.tmp-1-0", "thesis.txt"};

  Victim() {
    for (const auto& name : names) test::spill(folder / name, "mine");
  }
  void expect_whole() const {
    EXPECT_EQ(test::names_in(folder.path()), names);
    for (const auto& name : names) EXPECT_EQ(test::slurp(folder / name), "mine");
  }
};

TEST(CheckpointForeign, ALinkNamedLikeACheckpointIsLeftAlone) {
  for (const int64_t named : {0, 2, 999}) {  // older, the one before, ahead
    const Victim victim;
    const Folder run;
    const std::string link = checkpoint_folder(run.path(), named);
    fs::create_directory_symlink(victim.folder.path(), link);
    size_t told = 0;
    for (const int64_t step : {3, 4, 5, 6}) {
      const Saved saved = save_checkpoint(run.path(), checkpoint_of(step));
      for (const auto& line : saved.warnings) {
        EXPECT_EQ(line, link +
                            ": left as it is: a symbolic link, not a checkpoint that the "
                            "trainer wrote");
        ++told;
      }
    }
    EXPECT_EQ(told, 1) << named;
    EXPECT_TRUE(fs::is_symlink(link));
    victim.expect_whole();
    EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 6));
  }
}

TEST(CheckpointForeign, WhereTheNextOneBelongsTheSaveIsRefused) {
  const Victim victim;
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  const std::string place = run / "ckpt-2";
  const auto refused = [&](const std::string& what) {
    EXPECT_EQ(test::error_of([&] { save_checkpoint(run.path(), checkpoint_of(2)); }),
              place + ": left as it is: " + what + ", not a checkpoint that the trainer wrote");
    EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 1)) << what;
  };
  fs::create_directory_symlink(victim.folder.path(), place);
  refused("a symbolic link");
  victim.expect_whole();
  fs::remove(place);
  fs::create_directory_symlink(run / "nowhere", place);
  refused("a symbolic link");
  EXPECT_FALSE(fs::exists(run / "nowhere"));
  fs::remove(place);
  test::spill(place, "mine");
  refused("a regular file");
  EXPECT_EQ(test::slurp(place), "mine");
  fs::remove(place);
  ASSERT_EQ(::mkfifo(place.c_str(), 0600), 0);
  refused("a pipe, socket or device");
}

// Moved to another disk and linked back: read, counted, never removed through the link.
TEST(CheckpointForeign, AGenuineOneBehindALink) {
  const Folder run, disk;
  save_checkpoint(run.path(), checkpoint_of(1));
  save_checkpoint(run.path(), checkpoint_of(2));
  for (const std::string name : {"ckpt-1", "ckpt-2"}) {
    fs::copy(run / name, disk / name, fs::copy_options::recursive);
    fs::remove_all(run / name);
    fs::create_directory_symlink(disk / name, run / name);
  }
  EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 2));
  save_checkpoint(run.path(), checkpoint_of(2));  // there already
  EXPECT_TRUE(fs::is_symlink(run / "ckpt-2"));
  for (const int64_t step : {3, 4, 5}) save_checkpoint(run.path(), checkpoint_of(step));
  for (const std::string name : {"ckpt-1", "ckpt-2"}) {
    EXPECT_TRUE(fs::is_symlink(run / name));
    EXPECT_EQ(test::names_in(disk / name).size(), 4);
  }
  EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-1", "ckpt-2", "ckpt-4", "ckpt-5"}));
}

TEST(CheckpointForeign, FilesThatAreNotTheTrainersStay) {
  const Folder run, elsewhere;
  test::spill(elsewhere / "big", "mine");
  for (const int64_t step : {1, 2}) save_checkpoint(run.path(), checkpoint_of(step));
  test::spill(run / "ckpt-1/notes.txt", "mine");
  fs::create_directory(run / "ckpt-2/plots");
  fs::create_symlink(elsewhere / "big", run / "ckpt-2/weights");
  Names warnings;
  for (const int64_t step : {3, 4, 5}) {
    for (const auto& line : save_checkpoint(run.path(), checkpoint_of(step)).warnings) {
      warnings.push_back(line);
    }
  }
  EXPECT_EQ(warnings, (Names{run / "ckpt-1" + ": left in place: \"notes.txt\" is not the trainer's",
                             run / "ckpt-2" + ": left in place: \"plots\" is not the trainer's"}));
  EXPECT_EQ(test::names_in(run / "ckpt-1"), Names{"notes.txt"});
  EXPECT_EQ(test::names_in(run / "ckpt-2"), (Names{"plots", "weights"}));
  EXPECT_EQ(test::slurp(run / "ckpt-1/notes.txt"), "mine");
  EXPECT_EQ(test::slurp(elsewhere / "big"), "mine");
  EXPECT_TRUE(latest_checkpoint(run.path())->damaged.empty());
  // Beside them there is room for a checkpoint of that step.
  const Folder again;
  fs::create_directory(again / "ckpt-1");
  test::spill(again / "ckpt-1/notes.txt", "mine");
  save_checkpoint(again.path(), checkpoint_of(1));
  EXPECT_TRUE(is_whole(latest_checkpoint(again.path())->checkpoint, 1));
  EXPECT_EQ(test::slurp(again / "ckpt-1/notes.txt"), "mine");
}

// A link under the name of a checkpoint's file: neither it nor what it points to is touched.
TEST(CheckpointForeign, ALinkInsideACheckpoint) {
  for (const std::string name :
       {"manifest.json", "model.safetensors", "optimizer.safetensors", "state.safetensors"}) {
    const Folder run, disk;
    for (const int64_t step : {1, 2}) save_checkpoint(run.path(), checkpoint_of(step));
    fs::copy(run / "ckpt-1/" + name, disk / name);
    const std::string content = test::slurp(disk / name);
    fs::remove(run / "ckpt-1/" + name);
    fs::create_symlink(disk / name, run / "ckpt-1/" + name);
    EXPECT_NO_THROW(load_checkpoint(run / "ckpt-1"));
    for (const int64_t step : {3, 4}) save_checkpoint(run.path(), checkpoint_of(step));
    EXPECT_TRUE(fs::is_symlink(run / "ckpt-1/" + name)) << name;
    EXPECT_EQ(test::slurp(disk / name), content) << name;
    // Nor is it written through, when a checkpoint of that step is to be made.
    const std::string expected =
        run / "ckpt-1" + ": left in place: \"" + name + "\" is not the trainer's";
    test::spill(disk / name, "mine");
    EXPECT_EQ(test::error_of([&] { save_checkpoint(run.path(), checkpoint_of(1)); }), expected);
    EXPECT_EQ(test::slurp(disk / name), "mine");
  }
}

// `cp -al` makes backups of hard links: removing and replacing one name leaves the other.
TEST(CheckpointForeign, HardLinksKeepTheirContent) {
  const Folder run, backup;
  save_checkpoint(run.path(), checkpoint_of(1));
  fs::create_directory(backup / "ckpt-1");
  for (const auto& name : test::names_in(run / "ckpt-1")) {
    fs::create_hard_link(run / "ckpt-1/" + name, backup / "ckpt-1/" + name);
  }
  for (const int64_t step : {2, 3}) save_checkpoint(run.path(), checkpoint_of(step));
  EXPECT_FALSE(fs::exists(run / "ckpt-1"));
  EXPECT_TRUE(is_whole(latest_checkpoint(backup.path())->checkpoint, 1));
}

TEST(CheckpointForeign, ALinkNewerThanAllIsSaid) {
  const Victim victim;
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  fs::create_directory_symlink(run / "nowhere", run / "ckpt-9");
  const auto latest = latest_checkpoint(run.path());
  EXPECT_TRUE(is_whole(latest->checkpoint, 1));
  EXPECT_EQ(latest->damaged, Names{run / "ckpt-9" + ": a symbolic link to no checkpoint; using " +
                                   (run / "ckpt-1")});
}

TEST(CheckpointForeign, PipesInACheckpointAreNotWaitedFor) {
  for (const std::string name :
       {"manifest.json", "model.safetensors", "optimizer.safetensors", "state.safetensors"}) {
    const Folder run;
    for (const int64_t step : {1, 2}) save_checkpoint(run.path(), checkpoint_of(step));
    fs::remove(run / "ckpt-2/" + name);
    ASSERT_EQ(::mkfifo((run / "ckpt-2/" + name).c_str(), 0600), 0);
    const auto latest = latest_checkpoint(run.path());
    EXPECT_TRUE(is_whole(latest->checkpoint, 1));
    EXPECT_EQ(latest->damaged,
              Names{run / "ckpt-2/" + name + ": not a regular file; using " + (run / "ckpt-1")});
    save_checkpoint(run.path(), checkpoint_of(3));
    EXPECT_TRUE(fs::is_fifo(run / "ckpt-2/" + name));
  }
}

TEST(CheckpointForeign, FoldersOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make files of others";
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  ASSERT_EQ(::chown(run.path().c_str(), 65533, 65533), 0);
  ASSERT_EQ(::chown((run / "ckpt-1").c_str(), 65532, 65532), 0);
  for (const int64_t step : {2, 3}) save_checkpoint(run.path(), checkpoint_of(step));
  EXPECT_EQ(test::names_in(run / "ckpt-1").size(), 4);
}

}  // namespace
}  // namespace steepest::trainer
