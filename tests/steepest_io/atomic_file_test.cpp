// SPDX-License-Identifier: Apache-2.0
// A file is the old one or the new one, whatever happens while it is written.
#include "steepest/io/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest {
namespace {

using test::Folder;

const std::string kOld = "old text";
const std::string kNew(100'000, 'n');

TEST(AtomicFile, ReplacesTheFile) {
  const Folder folder;
  write_file(folder / "a", kOld);
  write_file(folder / "a", kNew);
  EXPECT_EQ(test::slurp(folder / "a"), kNew);
  EXPECT_EQ(test::names_in(folder.path()), std::vector<std::string>{"a"});
}

TEST(AtomicFile, WithoutCommitNothingChanges) {
  const Folder folder;
  write_file(folder / "a", kOld);
  {
    AtomicFile file(folder / "a");
    file.write(kNew.data(), kNew.size());
  }
  EXPECT_EQ(test::slurp(folder / "a"), kOld);
  EXPECT_EQ(test::names_in(folder.path()).size(), 1);
}

TEST(AtomicFile, EveryFailingOperationLeavesOneOfTheTwoAndNoTemporary) {
  const Folder folder;
  write_file(folder / "a", kOld);
  const int operations = test::operations_of([&] { write_file(folder / "a", kOld); });
  // examine, open, examine, write, sync, rename, open folder, examine, sync folder
  ASSERT_EQ(operations, 9);
  for (const int error : {EIO, ENOSPC, EDQUOT, EROFS}) {
    for (int at = 0; at < operations; ++at) {
      write_file(folder / "a", kOld);
      std::string message;
      {
        test::FaultAt fault(at, error);
        message = test::error_of([&] { write_file(folder / "a", kNew); });
      }
      EXPECT_TRUE(test::one_line(message)) << at;
      EXPECT_EQ(message.find(at < 6 ? folder / "a" : folder.path()), 0) << message;
      EXPECT_NE(message.find(strerror(error)), std::string::npos) << message;
      EXPECT_EQ(test::slurp(folder / "a"), at < 6 ? kOld : kNew) << at;
      EXPECT_EQ(test::names_in(folder.path()).size(), 1) << at;
    }
  }
}

TEST(AtomicFile, KilledBeforeAnyOperation) {
  const Folder folder;
  for (int at = 0; at < 9; ++at) {
    write_file(folder / "a", kOld);  // removes what the one before has left
    EXPECT_EQ(test::names_in(folder.path()), std::vector<std::string>{"a"}) << at;
    EXPECT_TRUE(test::killed(test::in_child([&] {
      test::FaultAt fault(at, 0);
      write_file(folder / "a", kNew);
      return 0;
    })));
    EXPECT_EQ(test::slurp(folder / "a"), at < 6 ? kOld : kNew) << at;
  }
}

// In the child: 0 when the write fails as it must.
int check_failure(const std::string& path, const std::string& reason) {
  const std::string message = test::error_of([&] { write_file(path, kNew); });
  const bool good = test::one_line(message) && message.find(path) == 0 &&
                    message.find(reason) != std::string::npos && test::slurp(path) == kOld &&
                    test::names_in(folder_of(path)).size() == 1;
  if (!good) fprintf(stderr, "received \"%s\"\n", message.c_str());
  return good ? 0 : 1;
}

TEST(AtomicFile, DiskFull) {
  const Folder folder;
  EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                  test::limit_space(folder.path(), 64 << 10);
                                  write_file(folder / "a", kOld);
                                  return check_failure(folder / "a", ": cannot write: ");
                                }),
                                0));
}

TEST(AtomicFile, FileSizeLimit) {
  const Folder folder;
  write_file(folder / "a", kOld);
  EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                  test::limit_file_size(50'000);
                                  return check_failure(folder / "a",
                                                       ": cannot write: File too large");
                                }),
                                0));
}

TEST(AtomicFile, FolderWithoutTheRightToWrite) {
  const Folder folder;
  write_file(folder / "a", kOld);
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                  test::drop_rights();
                                  return check_failure(folder / "a",
                                                       ": cannot open: Permission denied");
                                }),
                                0));
}

TEST(AtomicFile, MissingFolder) {
  const Folder folder;
  const std::string path = folder / "none/a";
  EXPECT_EQ(test::error_of([&] { write_file(path, kNew); }),
            path + ": cannot open: No such file or directory");
}

TEST(AtomicFile, NeverReplacesAPipeOrAFolder) {
  const Folder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(test::error_of([&] { write_file(folder / "pipe", kNew); }),
            folder / "pipe" + ": not a regular file");
  EXPECT_TRUE(std::filesystem::is_fifo(folder / "pipe"));
  EXPECT_EQ(test::error_of([&] { write_file(folder.path(), kNew); }),
            folder.path() + ": not a regular file");
}

TEST(AtomicFile, KeepsLinksAndPermissions) {
  const Folder folder;
  write_file(folder / "a", kOld);
  std::filesystem::permissions(folder / "a", std::filesystem::perms(0600));
  std::filesystem::create_symlink("a", folder / "link");
  write_file(folder / "link", kNew);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(test::slurp(folder / "a"), kNew);
  EXPECT_EQ(std::filesystem::status(folder / "a").permissions(), std::filesystem::perms(0600));
}

TEST(AtomicFile, ALinkToNothingKeepsPointing) {
  const Folder folder;
  std::filesystem::create_symlink("later/a", folder / "link");
  make_folder(folder / "later");
  write_file(folder / "link", kNew);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(test::slurp(folder / "later/a"), kNew);
  std::filesystem::create_symlink("loop", folder / "loop");
  EXPECT_EQ(test::error_of([&] { write_file(folder / "loop", kNew); }),
            folder / "loop" + ": cannot open: Too many levels of symbolic links");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "loop"));
}

TEST(AtomicFile, RefusesALinkWhereItIsAskedTo) {
  const Folder folder;
  write_file(folder / "a", kOld);
  std::filesystem::create_symlink("a", folder / "link");
  std::filesystem::create_symlink("none", folder / "dangling");
  for (const std::string name : {"link", "dangling"}) {
    EXPECT_EQ(test::error_of([&] { write_file(folder / name, kNew, Links::refuse); }),
              folder / name + ": a symbolic link, allowed a regular file");
  }
  EXPECT_EQ(test::slurp(folder / "a"), kOld);
  EXPECT_EQ(test::names_in(folder.path()), (std::vector<std::string>{"a", "dangling", "link"}));
}

// Another name of the same file keeps the old content.
TEST(AtomicFile, HardLinksAreNotWrittenThrough) {
  const Folder folder;
  write_file(folder / "a", kOld);
  std::filesystem::create_hard_link(folder / "a", folder / "b");
  write_file(folder / "a", kNew, Links::refuse);
  EXPECT_EQ(test::slurp(folder / "b"), kOld);
  EXPECT_EQ(test::slurp(folder / "a"), kNew);
}

// In a container every start has the same process number, and a name may be taken by chance.
TEST(AtomicFile, ATakenTemporaryIsNoObstacle) {
  const Folder folder;
  test::FaultAt fault(1, EEXIST);
  write_file(folder / "a", kNew);
  EXPECT_EQ(test::FaultAt::last(), "open");
  EXPECT_EQ(test::slurp(folder / "a"), kNew);
}

TEST(AtomicFile, RemovesWhatKilledWritersOfTheSameFileHaveLeftAndNothingElse) {
  const Folder folder;
  const std::vector<std::string> others = {"a.tmp-",      "a.tmp-1",
                                           "a.tmp-0123",  "a.tmp-0123456789abcdeg",
                                           "a.tmp-1-",    "a.tmp-12-0.old",
                                           "b.tmp-12-0",  "a.tmp-0123456789ABCDEF",
                                           "notes.tmp-1", "xa.tmp-0123456789abcdef"};
  for (const auto& name : others) test::spill(folder / name, "mine");
  std::filesystem::create_symlink("notes.tmp-1", folder / "a.tmp-7-7");
  make_folder(folder / "a.tmp-8-8");
  for (const std::string name : {"a.tmp-2-0", "a.tmp-4194304-17", "a.tmp-0123456789abcdef"}) {
    test::spill(folder / name, "half");
  }
  AtomicFile being_written(folder / "a");
  write_file(folder / "a", kOld);
  EXPECT_EQ(test::names_in(folder.path()).size(), others.size() + 4);  // a, its new one, the two
  EXPECT_EQ(test::slurp(folder / "notes.tmp-1"), "mine");
  being_written.write(kNew.data(), kNew.size());
  being_written.commit();  // nobody has taken its temporary away
  EXPECT_EQ(test::slurp(folder / "a"), kNew);
  EXPECT_EQ(test::names_in(folder.path()).size(), others.size() + 3);
}

TEST(AtomicFile, TheLongestNameThatAFileMayHave) {
  const Folder folder;
  const std::string name(255, 'n');
  write_file(folder / name, kNew);
  EXPECT_EQ(test::names_in(folder.path()), std::vector<std::string>{name});
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST(AtomicFile, NeverWritableByEverybodyNorWiderThanTheOldOne) {
  const Folder folder;
  for (const auto& [mask, file, made] : std::vector<std::tuple<mode_t, mode_t, mode_t>>{
           {0, 0664, 0775}, {022, 0644, 0755}, {027, 0640, 0750}, {077, 0600, 0700}}) {
    const mode_t before = ::umask(mask);
    const std::string name = folder / std::to_string(mask);
    {
      AtomicFile half(name);
      for (const auto& each : test::names_in(folder.path())) {
        EXPECT_EQ(mode_of(folder / each) & 002, 0) << each;
      }
      half.commit();
    }
    make_folder(name + "-folder");
    ::umask(before);
    EXPECT_EQ(mode_of(name), file);
    EXPECT_EQ(mode_of(name + "-folder"), made);
  }
  test::spill(folder / "private", kOld);
  ::chmod((folder / "private").c_str(), 0600);
  AtomicFile half(folder / "private");
  for (const auto& each : test::names_in(folder.path())) {
    if (each.starts_with("private")) {
      EXPECT_EQ(mode_of(folder / each), 0600) << each;
    }
  }
}

TEST(AtomicFile, TheOwnerStaysTheOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make files of others";
  const Folder folder;
  write_file(folder / "a", kOld);
  ASSERT_EQ(::chown((folder / "a").c_str(), 65534, 65534), 0);
  write_file(folder / "a", kNew);
  struct stat info {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 65534);
  EXPECT_EQ(info.st_gid, 65534);
}

}  // namespace
}  // namespace steepest
