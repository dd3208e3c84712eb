// SPDX-License-Identifier: Apache-2.0
// File operations that either succeed or throw one line with the file and the system's reason.
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <functional>
#include <string>

#include "steepest/io/file_error.h"

namespace steepest {

[[noreturn]] void throw_system_error(const char* operation, const std::string& path, int error);

// Called before every operation of this header and of AtomicFile, so that tests can stop the
// process between any two of them; a non-zero result is the errno with which the operation then
// fails.
using FaultHook = int (*)(const char* operation, const std::string& path);
void set_fault_hook(FaultHook hook);

// Runs a system call that reports failure by a negative result; again after EINTR.
int64_t system_call(const char* operation, const std::string& path,
                    const std::function<int64_t()>& call);

// No file or folder that is made here can be written by everybody, whatever the umask says.
constexpr mode_t kFileMode = 0664, kFolderMode = 0775;

// A file descriptor that is closed at the end of its scope.
class File {
 public:
  // Opens a regular file, or with O_DIRECTORY a folder, and refuses all else at once: a pipe
  // without its other end is not waited for. Messages show `name`, where it is given, in place of
  // the path. A relative path begins at `folder`.
  File(const std::string& path, int flags, const std::string& name = "", mode_t mode = kFileMode,
       int folder = AT_FDCWD);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int descriptor() const { return descriptor_; }
  const std::string& name() const { return name_; }
  void write_all(const void* data, size_t size);
  size_t read_some(void* data, size_t size);  // 0 at the end of the file
  void read_all(void* data, size_t size);     // throws when the file ends before
  uint64_t size() const;                      // throws when this is not a regular file
  void sync();

 private:
  std::string name_;
  int descriptor_;
};

// Throws where the file is longer than `limit`: what a person writes is not, a sparse file may be.
constexpr uint64_t kMaxText = uint64_t{64} << 20;
std::string read_file(const std::string& path, uint64_t limit = kMaxText);
bool is_folder(const std::string& path);
std::string folder_of(const std::string& path);
void make_folder(const std::string& path);  // one level; throws when it exists
void remove_file(const std::string& path);
void remove_folder(const std::string& path);  // an empty one
void rename_file(const std::string& from, const std::string& to);

// CRC-32 (zlib's), continued from `start`; detects every change confined to 32 consecutive bits.
uint32_t crc32_of(const void* data, size_t size, uint32_t start = 0);
std::string crc32_text(uint32_t crc);  // 8 lower-case hexadecimal digits

struct FileSum {
  uint64_t size = 0;
  std::string crc32;
};
FileSum sum_file(const std::string& path);

}  // namespace steepest
