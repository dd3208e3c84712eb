// SPDX-License-Identifier: Apache-2.0
// Every fault is one line; nothing that is not a file is waited for; no name leads out of a folder.
#include "steepest/io/file_io.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>

#include "steepest/base/text.h"
#include "steepest/io/atomic_file.h"
#include "steepest/io/open_folder.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest {
namespace {

using test::Folder;

const std::string kOld = "old text";

void make_socket(const std::string& path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(descriptor);
}

TEST(FileIo, WhatIsNoFileIsRefusedAtOnce) {
  const Folder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  make_socket(folder / "socket");
  make_folder(folder / "folder");
  std::filesystem::create_symlink("pipe", folder / "link");
  for (const std::string& path : {folder / "pipe", folder / "socket", folder / "link",
                                  std::string("/dev/zero"), std::string("/dev/null")}) {
    const std::string refused = path + ": not a regular file";
    EXPECT_EQ(test::error_of([&] { read_file(path); }), refused);
    EXPECT_EQ(test::error_of([&] { sum_file(path); }), refused);
    EXPECT_EQ(test::error_of([&] { File(path, O_RDWR | O_CREAT); }), refused);
    EXPECT_EQ(test::error_of([&] { File(path, O_WRONLY | O_APPEND); }), refused);
  }
  EXPECT_EQ(test::error_of([&] { read_file(folder / "folder"); }),
            folder / "folder" + ": not a regular file");
}

TEST(FileIo, LinksAreFollowedOnlyWhereThatIsAllowed) {
  const Folder folder;
  write_file(folder / "a", kOld);
  std::filesystem::create_symlink("a", folder / "link");
  EXPECT_EQ(read_file(folder / "link"), kOld);
  EXPECT_EQ(test::error_of([&] { File(folder / "link", O_RDWR | O_NOFOLLOW); }),
            folder / "link" + ": a symbolic link, allowed a regular file");
}

// Whether the bytes are wrong or could not be had decides what may be done with a file.
TEST(FileIo, WhatCouldNotBeReadIsToldFromWhatIsWrong) {
  const Folder folder;
  write_file(folder / "a", kOld);
  const auto caught = [](const std::function<void()>& body) {
    try {
      body();
    } catch (const FileError& error) {
      return error;
    }
    return FileError("nothing was thrown", -1);
  };
  for (const int error : {EIO, EACCES, EMFILE, ENFILE, ENOMEM, ESTALE, EPERM, ETIMEDOUT}) {
    for (int at = 0; at < 4; ++at) {
      test::FaultAt fault(at, error);
      const FileError thrown = caught([&] { read_file(folder / "a"); });
      EXPECT_EQ(thrown.code, error);
      EXPECT_TRUE(thrown.unreadable()) << error;
    }
  }
  std::filesystem::create_symlink("loop", folder / "loop");
  for (const std::string name : {"none", "a/b", "loop", ""}) {
    EXPECT_FALSE(caught([&] { read_file(folder / name); }).unreadable()) << name;
  }
  const FileError early = caught([&] {
    char bytes[20];
    File(folder / "a", O_RDONLY).read_all(bytes, sizeof bytes);
  });
  EXPECT_EQ(early.code, 0);
}

TEST(FileIo, ASparseFileIsNotTakenForText) {
  const Folder folder;
  write_file(folder / "a", kOld);
  std::filesystem::resize_file(folder / "a", uint64_t{1} << 32);
  EXPECT_EQ(test::error_of([&] { read_file(folder / "a"); }),
            folder / "a" + ": received 4294967296 bytes, allowed at most 67108864");
  std::filesystem::resize_file(folder / "a", 8);
  EXPECT_EQ(read_file(folder / "a", 8), kOld);
}

TEST(OpenFolder, LooksAtNamesAndNotThroughThem) {
  const Folder folder;
  make_folder(folder / "inside");
  make_folder(folder / "victim");
  write_file(folder / "victim/thesis", kOld);
  std::filesystem::create_symlink("../victim", folder / "inside/link");
  std::filesystem::create_symlink("inside", folder / "way");
  const OpenFolder inside(folder / "way");  // the path itself may be one
  EXPECT_EQ(inside.names(), std::vector<std::string>{"link"});
  EXPECT_EQ(inside.find("link")->kind, FolderEntry::Kind::link);
  EXPECT_FALSE(inside.find("none"));
  EXPECT_THROW(OpenFolder(inside, "link"), FileError);
  EXPECT_THROW(inside.remove_folder("link"), FileError);
  inside.remove_file("link");  // the link, not what it points to
  EXPECT_EQ(test::slurp(folder / "victim/thesis"), kOld);
  EXPECT_TRUE(inside.names().empty());
}

// Another folder in the place of the path changes nothing for one that is open.
TEST(OpenFolder, StaysWhereItIs) {
  const Folder folder;
  make_folder(folder / "run");
  write_file(folder / "run/a", kOld);
  const OpenFolder run(folder / "run");
  rename_file(folder / "run", folder / "moved");
  make_folder(folder / "run");
  write_file(folder / "run/a", kOld);
  run.remove_file("a");
  EXPECT_TRUE(std::filesystem::exists(folder / "run/a"));
  EXPECT_FALSE(std::filesystem::exists(folder / "moved/a"));
}

TEST(OpenFolder, KnowsWhatIsAnothersAndWhatIsOnAnotherDisk) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make files of others";
  const Folder folder;
  write_file(folder / "a", kOld);
  make_folder(folder / "b");
  EXPECT_TRUE(OpenFolder(folder.path()).find("a")->ours);
  EXPECT_EQ(test::exited_with(test::in_child([&] {
                                if (!test::own_mounts() || ::mount("none", (folder / "b").c_str(),
                                                                   "tmpfs", 0, "size=64k") != 0) {
                                  return 0;
                                }
                                return OpenFolder(folder.path()).find("b")->ours ? 1 : 0;
                              }),
                              0),
            true);
  ASSERT_EQ(::chown(folder.path().c_str(), 65533, 65533), 0);
  ASSERT_EQ(::chown((folder / "b").c_str(), 65532, 65532), 0);
  EXPECT_TRUE(OpenFolder(folder.path()).find("a")->ours);   // this user's
  EXPECT_FALSE(OpenFolder(folder.path()).find("b")->ours);  // neither this user's nor the owner's
  EXPECT_EQ(OpenFolder(folder.path()).find("b")->text(), "a folder of another user or disk");
}

TEST(FileIo, ReadErrors) {
  const Folder folder;
  write_file(folder / "a", kOld);
  EXPECT_EQ(test::error_of([&] { read_file(folder / "b"); }),
            folder / "b" + ": cannot open: No such file or directory");
  EXPECT_EQ(test::error_of([&] { read_file(folder.path()); }),
            folder.path() + ": not a regular file");
  test::FaultAt fault(3, EIO);  // after open and two looks at what it is
  EXPECT_EQ(test::error_of([&] { read_file(folder / "a"); }),
            folder / "a" + ": cannot read: Input/output error");
}

TEST(FileIo, TextInMessages) {
  EXPECT_EQ(in_quotes("a\n\x7f\xc3\xa4"), "\"a\\n\\u007f\xc3\xa4\"");
  EXPECT_EQ(in_quotes("\xff"), "\"\xef\xbf\xbd\"");  // what is not UTF-8
  const std::string whole(256, 'n');
  EXPECT_EQ(in_quotes(whole), '"' + whole + '"');
  EXPECT_EQ(in_quotes(whole + whole), '"' + whole + "\".. (512 bytes)");
  const std::string letters = std::string(255, 'n') + "\xc3\xa4\xc3\xa4";
  EXPECT_EQ(in_quotes(letters), '"' + std::string(255, 'n') + "\".. (259 bytes)");
  EXPECT_LT(in_quotes(std::string(3000, '\x01')).size(), 1600u);
  EXPECT_LT(in_quotes(std::string(3000, '\x7f')).size(), 1600u);
}

TEST(FileIo, Crc32) {
  EXPECT_EQ(crc32_text(crc32_of("123456789", 9)), "cbf43926");  // the check value of CRC-32
  EXPECT_EQ(crc32_text(crc32_of("6789", 4, crc32_of("12345", 5))), "cbf43926");
  EXPECT_EQ(crc32_of(nullptr, 0, 7), 7);
  alignas(8) const char text[] = "01234567890123456789012345678901234567890123456789";
  for (size_t begin = 0; begin < 8; ++begin) {  // wherever it lies
    const uint32_t bytewise = crc32_of(text + begin + 1, 40, crc32_of(text + begin, 1));
    EXPECT_EQ(crc32_of(text + begin, 41), bytewise);
  }
  const Folder folder;
  test::spill(folder / "a", "123456789");
  EXPECT_EQ(sum_file(folder / "a").crc32, "cbf43926");
  EXPECT_EQ(sum_file(folder / "a").size, 9);
}

}  // namespace
}  // namespace steepest
