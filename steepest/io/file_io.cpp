// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

namespace steepest {
namespace {

std::atomic<FaultHook> fault_hook{nullptr};

// Throws FileError, which begins with `name`, unless the descriptor, opened with these flags, is a
// regular file, or a folder where they have O_DIRECTORY.
void require_kind(int descriptor, int flags, const std::string& name) {
  struct stat info {};
  system_call("examine", name, [&] { return ::fstat(descriptor, &info); });
  const bool good = flags & O_DIRECTORY ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode);
  if (!good) throw FileError(name + ": not a regular file");
}

// Opens a path as open(2) does with these flags, and with this mode where a file is made; returns
// the descriptor. A relative path begins at the descriptor `folder`. The other end of a pipe is not
// waited for. FileError shows `name` in place of the path.
int open_without_waiting(const std::string& path, int flags, const std::string& name, mode_t mode,
                         int folder) {
  try {
    return static_cast<int>(system_call("open", name, [&] {
      return ::openat(folder, path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
    }));
  } catch (const FileError& error) {
    // What has no other end, or cannot be opened at all: a pipe, a socket, a device without driver.
    if (error.code == ENXIO) throw FileError(name + ": not a regular file");
    if (error.code == ELOOP && (flags & O_NOFOLLOW)) {
      throw FileError(name + ": a symbolic link, allowed a regular file");
    }
    throw;
  }
}

}  // namespace

void throw_system_error(const char* operation, const std::string& path, int error) {
  throw FileError(path + ": cannot " + operation + ": " + std::system_category().message(error),
                  error);
}

void set_fault_hook(FaultHook hook) { fault_hook = hook; }

int64_t system_call(const char* operation, const std::string& path,
                    const std::function<int64_t()>& call) {
  const FaultHook hook = fault_hook;  // of tests, which let a call fail by it
  if (const int error = hook ? hook(operation, path) : 0)
    throw_system_error(operation, path, error);
  for (;;) {
    const int64_t result = call();
    if (result >= 0) return result;
    if (errno != EINTR) throw_system_error(operation, path, errno);
  }
}

File::File(const std::string& path, int flags, const std::string& name, mode_t mode, int folder)
    : name_(name.empty() ? path : name),
      descriptor_(open_without_waiting(path, flags, name_, mode, folder)) {
  try {
    require_kind(descriptor_, flags, name_);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
  // It was only for the opening.
  (void)!::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) & ~O_NONBLOCK);
}

// Closes the descriptor; what was not synced may still be in the system's memory.
File::~File() { ::close(descriptor_); }

void File::write_all(const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const auto written = static_cast<size_t>(
        system_call("write", name_, [&] { return ::write(descriptor_, at, size); }));
    at += written;
    size -= written;
  }
}

size_t File::read_some(void* data, size_t size) {
  return static_cast<size_t>(
      system_call("read", name_, [&] { return ::read(descriptor_, data, size); }));
}

void File::read_all(void* data, size_t size) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const size_t got = read_some(at, size);
    if (got == 0) throw FileError(name_ + ": ends " + std::to_string(size) + " bytes early");
    at += got;
    size -= got;
  }
}

uint64_t File::size() const {
  struct stat info {};
  system_call("examine", name_, [&] { return ::fstat(descriptor_, &info); });
  if (!S_ISREG(info.st_mode)) throw FileError(name_ + ": not a regular file");
  return static_cast<uint64_t>(info.st_size);
}

void File::sync() {
  system_call("sync", name_, [&] { return ::fsync(descriptor_); });
}

std::string read_file(const std::string& path, uint64_t limit) {
  File file(path, O_RDONLY);
  const uint64_t size = file.size();
  if (size > limit) {
    throw FileError(path + ": received " + std::to_string(size) + " bytes, allowed at most " +
                    std::to_string(limit));
  }
  std::string text(size, '\0');
  file.read_all(text.data(), text.size());
  return text;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

void make_folder(const std::string& path) {
  system_call("create", path, [&] { return ::mkdir(path.c_str(), kFolderMode); });
}

void remove_file(const std::string& path) {
  system_call("remove", path, [&] { return ::unlink(path.c_str()); });
}

void remove_folder(const std::string& path) {
  system_call("remove", path, [&] { return ::rmdir(path.c_str()); });
}

void rename_file(const std::string& from, const std::string& to) {
  system_call("rename to", to, [&] { return ::rename(from.c_str(), to.c_str()); });
}

uint32_t crc32_of(const void* data, size_t size, uint32_t start) {
  if (size == 0) return start;  // and zlib takes a null pointer for the start of a new sum
  return static_cast<uint32_t>(::crc32_z(start, static_cast<const Bytef*>(data), size));
}

std::string crc32_text(uint32_t crc) {
  std::string text(8, '0');
  for (size_t i = 0; i < 8; ++i) text[i] = "0123456789abcdef"[(crc >> (28 - 4 * i)) & 15];
  return text;
}

FileSum sum_file(const std::string& path) {
  File file(path, O_RDONLY);
  std::vector<char> buffer(size_t{1} << 20);
  uint64_t size = 0;
  uint32_t crc = 0;
  while (const size_t got = file.read_some(buffer.data(), buffer.size())) {
    crc = crc32_of(buffer.data(), got, crc);
    size += got;
  }
  return {size, crc32_text(crc)};
}

}  // namespace steepest
