// SPDX-License-Identifier: Apache-2.0
// Opening, mapping and finding files (POSIX).
#include "trainer/data/files.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace steepest::trainer {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw DataError(path + ": " + what);
}

struct OpenFile {
  explicit OpenFile(const std::string& path) {
    // O_NONBLOCK: a pipe must be refused, not waited for.
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) fail(path, std::string("cannot be opened: ") + std::strerror(errno));
    struct stat status {};
    const bool known = ::fstat(fd, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
      ::close(fd);
      fail(path, known && S_ISDIR(status.st_mode) ? "is a folder, allowed a file"
                                                  : "is not a regular file");
    }
    size = static_cast<size_t>(status.st_size);
  }
  ~OpenFile() { ::close(fd); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int fd;
  size_t size = 0;
};

bool has_extension(const fs::path& path, const std::vector<std::string>& extensions) {
  return extensions.empty() || std::find(extensions.begin(), extensions.end(),
                                         path.extension().string()) != extensions.end();
}

std::vector<FoundFile> in_folder(const fs::path& root, const std::vector<std::string>& extensions) {
  std::vector<FoundFile> found;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      // A dangling link is kept, so that opening it names it; pipes and devices are left out.
      const bool usable = entry.is_regular_file() || (entry.is_symlink() && !entry.exists());
      if (usable && has_extension(entry.path(), extensions))
        found.push_back({entry.path().string(), entry.path().lexically_relative(root)});
    }
  } catch (const fs::filesystem_error& error) {
    fail(root.string(), std::string("cannot be listed: ") + error.code().message());
  }
  if (found.empty())
    fail(root.string(), extensions.empty() ? "holds no file"
                                           : "holds no file ending in " + join(extensions, ", "));
  return found;
}

std::vector<FoundFile> matching(const std::string& pattern) {
  const size_t wild = pattern.find_first_of("*?[");
  const size_t slash = pattern.rfind('/', wild);
  const size_t base = slash == std::string::npos ? 0 : slash + 1;
  glob_t matches{};
  const int status = ::glob(pattern.c_str(), GLOB_ERR, nullptr, &matches);
  std::vector<FoundFile> found;
  for (size_t i = 0; status == 0 && i < matches.gl_pathc; ++i) {
    const std::string path = matches.gl_pathv[i];
    found.push_back({path, path.substr(base)});
  }
  ::globfree(&matches);
  if (status == GLOB_NOMATCH) fail(pattern, "matches no file");
  if (status != 0) fail(pattern, "has a folder that cannot be read");
  return found;
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const OpenFile file(path);
  if (file.size == 0) fail(path, "is empty");
  void* data = ::mmap(nullptr, file.size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (data == MAP_FAILED) fail(path, std::string("cannot be mapped: ") + std::strerror(errno));
  data_ = static_cast<const uint8_t*>(data);
  size_ = file.size;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<uint8_t*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(other.size_) {}

size_t append_file(const std::string& path, std::vector<uint8_t>& out) {
  const OpenFile file(path);
  const size_t begin = out.size();
  out.resize(begin + file.size);
  size_t done = 0;
  while (done < file.size) {
    const ssize_t got = ::read(file.fd, out.data() + begin + done, file.size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      fail(path, "received " + std::to_string(done) + " of " + std::to_string(file.size) +
                     " bytes: " + (got < 0 ? std::strerror(errno) : "cut while reading"));
    done += static_cast<size_t>(got);
  }
  return done;
}

std::vector<FoundFile> find_files(const std::string& path,
                                  const std::vector<std::string>& extensions) {
  std::error_code error;
  std::vector<FoundFile> found;
  if (path.empty()) {
    throw DataError("data.path: received nothing, allowed a file, a folder or a glob");
  } else if (fs::is_directory(path, error)) {
    found = in_folder(path, extensions);
  } else if (fs::exists(fs::symlink_status(path, error)) ||
             path.find_first_of("*?[") == std::string::npos) {
    found = {{path, fs::path(path).filename().string()}};
  } else {
    found = matching(path);
  }
  std::sort(found.begin(), found.end(),
            [](const FoundFile& a, const FoundFile& b) { return a.relative < b.relative; });
  return found;
}

std::string join(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

}  // namespace steepest::trainer
