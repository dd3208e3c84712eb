// SPDX-License-Identifier: Apache-2.0
// Opening, reading and finding files (POSIX).
#include "trainer/data/files.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "steepest/base/text.h"
#include "trainer/data/counter.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

namespace fs = std::filesystem;

// Throws DataError whose message is the path and what is wrong with it.
[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw DataError(one_line(path) + ": " + what);
}

// A regular file open for reading, and its size; DataError where the path is anything else.
struct OpenFile {
  // Opens a regular file for reading and takes its size in bytes; throws DataError for anything
  // else.
  explicit OpenFile(const std::string& path) {
    // O_NONBLOCK: a pipe must be refused, not waited for.
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
      fail(path, std::string("cannot be opened: ") + std::strerror(errno) +
                     (errno == ENOENT ? "; data.path says where the data are" : ""));
    struct stat status {};
    const bool known = ::fstat(fd, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
      ::close(fd);
      fail(path, known && S_ISDIR(status.st_mode) ? "is a folder, allowed a file"
                                                  : "is not a regular file");
    }
    size = static_cast<size_t>(status.st_size);
  }
  // Closes it, unless the descriptor was taken away and set to -1.
  ~OpenFile() {
    if (fd >= 0) ::close(fd);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int fd;
  size_t size = 0;
};

// Raises the limit of open files: every shard of a glob stays open, and the usual limit of 1024 is
// only a default.
void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Whether the file's name ends in one of these extensions, such as ".py"; an empty list allows all.
bool has_extension(const fs::path& path, const std::vector<std::string>& extensions) {
  return extensions.empty() || std::find(extensions.begin(), extensions.end(),
                                         path.extension().string()) != extensions.end();
}

// All files in the folder `root` and in the folders below it that have one of the extensions, in no
// certain order, each with its path relative to `root`; links to folders are not followed. Throws
// DataError where there are none, or a folder cannot be listed.
std::vector<FoundFile> files_below(const fs::path& root,
                                   const std::vector<std::string>& extensions) {
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
    fail(root.string(),
         extensions.empty() ? "holds no file" : "holds no file ending in " + join(extensions));
  return found;
}

// All paths that the glob matches, each with its path relative to the folder before the first
// wildcard; throws DataError where there are none.
std::vector<FoundFile> files_matching(const std::string& pattern) {
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

PieceFile::PieceFile(const std::string& path) : path_(path) {
  allow_many_files();
  OpenFile file(path);
  if (file.size == 0) fail(path, "is empty");
  size_ = file.size;
  descriptor_ = std::exchange(file.fd, -1);
}

PieceFile::~PieceFile() { ::close(descriptor_); }

void PieceFile::read(uint64_t offset, std::span<uint8_t> out) const {
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0)
      fail(path_, "was cut while it was in use: received its end at byte " +
                      std::to_string(offset) + ", expected " + std::to_string(size_) + " bytes");
    offset += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
}

uint64_t PieceFile::stamp() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0)
    fail(path_, std::string("cannot be examined: ") + std::strerror(errno));
  return hash_words(static_cast<uint64_t>(status.st_size), status.st_mtim.tv_sec,
                    status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

uint64_t physical_memory() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

size_t append_file(const std::string& path, std::vector<uint8_t>& out) {
  const OpenFile file(path);
  const size_t begin = out.size();
  const uint64_t memory = physical_memory();
  if (file.size > memory || begin > memory - file.size)
    fail(path, "received " + std::to_string(file.size) + " bytes" +
                   (begin > 0 ? " after " + std::to_string(begin) + " of other files" : "") +
                   ", allowed at most this machine's memory of " + std::to_string(memory));
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
    found = files_below(path, extensions);
  } else if (fs::exists(fs::symlink_status(path, error)) ||
             path.find_first_of("*?[") == std::string::npos) {
    found = {{path, fs::path(path).filename().string()}};
  } else {
    found = files_matching(path);
  }
  std::sort(found.begin(), found.end(),
            [](const FoundFile& a, const FoundFile& b) { return a.relative < b.relative; });
  return found;
}

}  // namespace steepest::trainer
