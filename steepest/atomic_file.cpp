// SPDX-License-Identifier: Apache-2.0
#include "steepest/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

namespace steepest {
namespace {

// Where a link points to; renaming over the link itself would cut it.
std::string target_of(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_symlink(path, ignored)) return path;
  const auto target = std::filesystem::weakly_canonical(path, ignored);
  return ignored ? path : target.string();
}

// Unlike a fixed name, it is safe when two programs write the same file at the same time.
std::string temporary_for(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  return path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path)
    : path_(target_of(path)), temporary_(temporary_for(path_)) {
  struct stat old {};
  const bool replaces = ::stat(path_.c_str(), &old) == 0;
  // Renaming over a device or a pipe would replace it, with the rights of root even /dev/null.
  if (replaces && !S_ISREG(old.st_mode)) throw FileError(path_ + ": not a regular file");
  file_ = std::make_unique<File>(temporary_, O_WRONLY | O_CREAT | O_EXCL, path_);
  // A file that was private stays private.
  if (replaces) (void)!::fchmod(file_->descriptor(), old.st_mode & 07777);
}

AtomicFile::~AtomicFile() {
  if (file_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t size) { file_->write_all(data, size); }

void AtomicFile::rewrite_start(const void* data, size_t size) {
  system_call("write", path_, [&] { return ::lseek(file_->descriptor(), 0, SEEK_SET); });
  file_->write_all(data, size);
}

void AtomicFile::commit() {
  file_->sync();
  rename_file(temporary_, path_);
  file_.reset();
  sync_folder(folder_of(path_));
}

void write_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace steepest
