// SPDX-License-Identifier: Apache-2.0
// A file is the old one or the new one, whatever happens while it is written.
#include "steepest/atomic_file.h"

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
  ASSERT_EQ(operations, 6);  // open, write, sync, rename, open folder, sync folder
  for (const int error : {EIO, ENOSPC, EROFS}) {
    for (int at = 0; at < operations; ++at) {
      write_file(folder / "a", kOld);
      std::string message;
      {
        test::FaultAt fault(at, error);
        message = test::error_of([&] { write_file(folder / "a", kNew); });
      }
      EXPECT_TRUE(test::one_line(message)) << at;
      EXPECT_EQ(message.find(at < 4 ? folder / "a" : folder.path()), 0) << message;
      EXPECT_NE(message.find(strerror(error)), std::string::npos) << message;
      EXPECT_EQ(test::slurp(folder / "a"), at < 4 ? kOld : kNew) << at;
      EXPECT_EQ(test::names_in(folder.path()).size(), 1) << at;
    }
  }
}

TEST(AtomicFile, KilledBeforeAnyOperation) {
  const Folder folder;
  for (int at = 0; at < 6; ++at) {
    write_file(folder / "a", kOld);
    EXPECT_TRUE(test::killed(test::in_child([&] {
      test::FaultAt fault(at, 0);
      write_file(folder / "a", kNew);
      return 0;
    })));
    EXPECT_EQ(test::slurp(folder / "a"), at < 4 ? kOld : kNew) << at;
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

TEST(FileIo, ReadErrors) {
  const Folder folder;
  write_file(folder / "a", kOld);
  EXPECT_EQ(test::error_of([&] { read_file(folder / "b"); }),
            folder / "b" + ": cannot open: No such file or directory");
  EXPECT_EQ(test::error_of([&] { read_file(folder.path()); }),
            folder.path() + ": not a regular file");
  test::FaultAt fault(2, EIO);
  EXPECT_EQ(test::error_of([&] { read_file(folder / "a"); }),
            folder / "a" + ": cannot read: Input/output error");
}

TEST(FileIo, Crc32) {
  EXPECT_EQ(crc32_text(crc32_of("123456789", 9)), "cbf43926");  // the check value of CRC-32
  EXPECT_EQ(crc32_text(crc32_of("6789", 4, crc32_of("12345", 5))), "cbf43926");
  EXPECT_EQ(crc32_of(nullptr, 0, 7), 7);
  const Folder folder;
  test::spill(folder / "a", "123456789");
  EXPECT_EQ(sum_file(folder / "a").crc32, "cbf43926");
  EXPECT_EQ(sum_file(folder / "a").size, 9);
}

}  // namespace
}  // namespace steepest
