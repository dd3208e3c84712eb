// SPDX-License-Identifier: Apache-2.0
#include "steepest/file_io.h"

#include <caffe2/serialize/crc_alt.h>  // torch's own, of torch.save: no dependency more

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

namespace steepest {
namespace {

std::atomic<FaultHook> fault_hook{nullptr};

[[noreturn]] void fail(const char* operation, const std::string& path, int error) {
  throw FileError(path + ": cannot " + operation + ": " + std::system_category().message(error));
}

}  // namespace

void set_fault_hook(FaultHook hook) { fault_hook = hook; }

int64_t system_call(const char* operation, const std::string& path,
                    const std::function<int64_t()>& call) {
  const FaultHook hook = fault_hook;
  if (const int error = hook ? hook(operation, path) : 0) fail(operation, path, error);
  for (;;) {
    const int64_t result = call();
    if (result >= 0) return result;
    if (errno != EINTR) fail(operation, path, errno);
  }
}

File::File(const std::string& path, int flags, const std::string& name)
    : name_(name.empty() ? path : name),
      descriptor_(static_cast<int>(system_call(
          "open", name_, [&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); }))) {}

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

std::string read_file(const std::string& path) {
  File file(path, O_RDONLY);
  std::string text(file.size(), '\0');
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
  system_call("create", path, [&] { return ::mkdir(path.c_str(), 0777); });
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

void sync_folder(const std::string& path) {
  File folder(path, O_RDONLY | O_DIRECTORY);
  system_call("sync folder", path, [&] {
    const int result = ::fsync(folder.descriptor());
    // Some file systems have no fsync for folders: they offer nothing stronger than this.
    return result < 0 && (errno == EINVAL || errno == ENOTSUP) ? 0 : result;
  });
}

uint32_t crc32_of(const void* data, size_t size, uint32_t start) {
  return ::crc32_fast(data, size, start);
}

std::string crc32_text(uint32_t crc) {
  std::string text(8, '0');
  for (size_t i = 0; i < 8; ++i) text[i] = "0123456789abcdef"[(crc >> (28 - 4 * i)) & 15];
  return text;
}

FileSum sum_file(const std::string& path) {
  File file(path, O_RDONLY);
  file.size();  // refuses what is not a regular file
  std::vector<char> buffer(size_t{1} << 20);
  uint64_t size = 0;
  uint32_t crc = 0;
  while (const size_t got = file.read_some(buffer.data(), buffer.size())) {
    crc = crc32_of(buffer.data(), got, crc);
    size += got;
  }
  return {size, crc32_text(crc)};
}

std::string in_quotes(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace steepest
