// SPDX-License-Identifier: Apache-2.0
// File operations that either succeed or throw one line with the file and the system's reason.
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <functional>
#include <string>

#include "steepest/io/file_error.h"

namespace steepest {

// Throws FileError: the path, the operation ("open") that failed, and the text of the system's
// errno `error`.
[[noreturn]] void throw_system_error(const char* operation, const std::string& path, int error);

// What is called before every operation of this header and of AtomicFile; a non-zero result is the
// errno with which the operation then fails.
using FaultHook = int (*)(const char* operation, const std::string& path);
// Sets the hook (FaultHook) of the whole process, before any thread works on files; nullptr takes
// it away. Tests stop the process in the hook between any two operations, or let one fail by the
// errno that the hook returns.
void set_fault_hook(FaultHook hook);

// Runs a system call that reports failure by a negative result, again after EINTR, and returns its
// result; throws FileError with the operation and the path where it fails.
int64_t system_call(const char* operation, const std::string& path,
                    const std::function<int64_t()>& call);

// No file or folder that is made here can be written by everybody, whatever the umask says.
constexpr mode_t kFileMode = 0664, kFolderMode = 0775;

// A file descriptor that is closed at the end of its scope.
class File {
 public:
  // Opens a regular file, or with O_DIRECTORY a folder, and throws FileError at all else at once: a
  // pipe without its other end is not waited for. `flags` and `mode`, of a file that is made, are
  // those of open(2). Messages show `name`, where it is given, in place of the path. A relative
  // path begins at the descriptor `folder`, by default the working directory.
  File(const std::string& path, int flags, const std::string& name = "", mode_t mode = kFileMode,
       int folder = AT_FDCWD);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Returns the open descriptor, for system calls on it; the File closes it.
  int descriptor() const { return descriptor_; }
  // Returns the name under which messages show the file: that given to the constructor, or the
  // path.
  const std::string& name() const { return name_; }
  // Writes exactly `size` bytes at the file's current position and moves it past them; throws
  // FileError where that fails.
  void write_all(const void* data, size_t size);
  // Reads up to `size` bytes from the file's current position into `data` and returns how many; 0
  // at the end of the file. Throws FileError where reading fails.
  size_t read_some(void* data, size_t size);
  // Reads exactly `size` bytes; throws FileError where the file ends before.
  void read_all(void* data, size_t size);
  // Returns the size of a regular file in bytes; throws FileError where it is none.
  uint64_t size() const;
  // Returns once the content is on the disk, not only in the system's memory; throws FileError
  // where that fails.
  void sync();

 private:
  std::string name_;
  int descriptor_;
};

constexpr uint64_t kMaxText = uint64_t{64} << 20;  // bytes
// Returns the file's whole content. Throws FileError where it is longer than `limit` bytes: what a
// person writes is not, a sparse file may be.
std::string read_file(const std::string& path, uint64_t limit = kMaxText);
// Whether the path leads to a folder, links followed; false where it cannot be looked at, too.
bool is_folder(const std::string& path);
// Returns the path without its last part, "." where there is no other.
std::string folder_of(const std::string& path);
// Makes one folder, whose parent exists; throws FileError where it exists itself.
void make_folder(const std::string& path);
// Removes a file, or a link itself; throws FileError where there is none.
void remove_file(const std::string& path);
// Removes an empty folder; throws FileError where it is not empty.
void remove_folder(const std::string& path);
// Renames a file; a file named `to` is replaced by it at one moment. Throws FileError where
// that fails, as between two disks.
void rename_file(const std::string& from, const std::string& to);

// Returns the CRC-32 (zlib's) of `size` bytes, continued from `start`, the CRC-32 of what comes
// before them; it detects every change confined to 32 consecutive bits.
uint32_t crc32_of(const void* data, size_t size, uint32_t start = 0);
// Returns the checksum as 8 lower-case hexadecimal digits.
std::string crc32_text(uint32_t crc);

struct FileSum {
  uint64_t size = 0;  // bytes
  std::string crc32;  // as crc32_text writes it
};
// Reads the file piece by piece, whatever its size, and returns its size and its CRC-32.
FileSum sum_file(const std::string& path);

}  // namespace steepest
