// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "steepest/io/open_folder.h"

namespace steepest {
namespace {

namespace fs = std::filesystem;

constexpr size_t kRandomDigits = 16;  // of a temporary's name, hexadecimal
const std::string kMark = ".tmp-";    // between the file's own name and these

// Returns the path itself or, where it is a symbolic link, the path that the link leads to in the
// end: renaming a file over the link would cut the link. The target need not exist. Throws
// FileError after 40 links, as many as the kernel follows: they lead in a circle.
std::string follow_links(const std::string& path) {
  std::string target = path;
  for (int steps = 0; steps < 40; ++steps) {
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(target, error))) return target;
    const fs::path next = fs::read_symlink(target, error);
    if (error) throw_system_error("open", path, error.value());
    target = next.is_absolute() ? next : fs::path(target).parent_path() / next;
  }
  throw_system_error("open", path, ELOOP);
}

// Returns the status (owner, group, mode) of the file that is about to be replaced; nothing where
// there is none. Throws FileError where the path is no regular file.
std::optional<struct stat> stat_old_file(const std::string& path) {
  struct stat info {};
  bool there = true;
  system_call("examine", path, [&] {
    const int result = ::lstat(path.c_str(), &info);
    there = result == 0;
    return result != 0 && errno == ENOENT ? 0 : result;
  });
  if (!there) return std::nullopt;
  if (S_ISLNK(info.st_mode)) throw FileError(path + ": a symbolic link, allowed a regular file");
  // Renaming over a device or a pipe would replace it, with the rights of root even /dev/null.
  if (!S_ISREG(info.st_mode)) throw FileError(path + ": not a regular file");
  return info;
}

// Gives the new file, open as `descriptor`, the old one's owner, group and mode, as far as this
// process may. Where the group cannot be given, the group's rights are taken away, so that nobody
// may open the new file who could not open the old one.
void keep_rights(int descriptor, const struct stat& old) {
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) return;
  mode_t mode = old.st_mode & 0777;
  if (now.st_uid != old.st_uid) (void)!::fchown(descriptor, old.st_uid, static_cast<gid_t>(-1));
  const bool has_group =
      now.st_gid == old.st_gid || ::fchown(descriptor, static_cast<uid_t>(-1), old.st_gid) == 0;
  if (!has_group) mode &= ~static_cast<mode_t>(070);
  (void)!::fchmod(descriptor, mode);
}

// Returns kRandomDigits random hexadecimal digits from the kernel; where that has none at hand, the
// clock and the process number stand in for them. They need not be secret, only rarely the same.
std::string random_hex_digits() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) {
    number = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) ^
             (static_cast<uint64_t>(::getpid()) << 40);
  }
  std::string digits(kRandomDigits, '0');
  for (char& digit : digits) digit = "0123456789abcdef"[number & 15], number >>= 4;
  return digits;
}

// Returns how the name of a temporary of the file named `file` begins: with the file's own name, of
// which 230 bytes leave room for the rest within the 255 that file systems allow, and kMark.
std::string start_of_temporary(std::string_view file) {
  return std::string(file.substr(0, 230)) + kMark;
}

// Whether the text is not empty and has no character but those of `allowed`.
bool consists_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

// Whether the temporary of this path is a file of this user whose writer has ended: a writer holds
// a lock on it, which the kernel gives back when the writer ends, however that comes about. False,
// too, where the file cannot be opened. The lock that this takes ends with the call.
bool is_abandoned(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct stat info {};
  const bool abandoned = ::fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) &&
                         info.st_uid == ::geteuid() && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  ::close(descriptor);
  return abandoned;
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path, Links links)
    : path_(links == Links::follow ? follow_links(path) : path) {
  const auto old = stat_old_file(path_);
  open_temporary(old ? 0600 : kFileMode);
  if (old) keep_rights(file_->descriptor(), *old);
}

// Makes, with this mode, and locks a temporary beside path_, as file_ and temporary_. Its name is
// drawn by chance and not from the process number, which is the same at every start of a container;
// where the name is taken all the same, another is tried. The lock tells that it is being written.
void AtomicFile::open_temporary(mode_t mode) {
  const fs::path path(path_);
  const std::string start = start_of_temporary(path.filename().string());
  for (int tries = 1;; ++tries) {
    temporary_ = (path.parent_path() / (start + random_hex_digits())).string();
    try {
      file_ =
          std::make_unique<File>(temporary_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, path_, mode);
    } catch (const FileError& error) {
      if (error.code == EEXIST && tries < 100) continue;
      if (error.code != EEXIST) ::unlink(temporary_.c_str());  // it may have been made
      throw;
    }
    // Whoever cleans up may have come between the opening and the lock.
    struct stat info {};
    (void)!::flock(file_->descriptor(), LOCK_EX | LOCK_NB);
    if (::fstat(file_->descriptor(), &info) != 0 || info.st_nlink > 0) return;
  }
}

// Removes the temporary where it was not committed.
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
  remove_leftovers(path_);
}

void write_file(const std::string& path, std::string_view text, Links links) {
  AtomicFile file(path, links);
  file.write(text.data(), text.size());
  file.commit();
}

bool is_temporary_of(std::string_view name, std::string_view file) {
  const std::string start = start_of_temporary(file);
  if (!name.starts_with(start)) return false;
  const std::string_view end = name.substr(start.size());
  if (end.size() == kRandomDigits && consists_of(end, "0123456789abcdef")) return true;
  // As the first versions named them: process number, a dash and a counter.
  const size_t dash = end.find('-');
  return dash != std::string_view::npos && consists_of(end.substr(0, dash), "0123456789") &&
         consists_of(end.substr(dash + 1), "0123456789");
}

void remove_leftovers(const std::string& path) {
  const std::string file = fs::path(path).filename().string();
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator at(folder_of(path), error), end; !error && at != end;
       at.increment(error)) {
    if (is_temporary_of(at->path().filename().string(), file)) found.push_back(at->path().string());
  }
  for (const auto& leftover : found) {
    try {
      if (is_abandoned(leftover)) remove_file(leftover);
    } catch (const FileError&) {
    }
  }
}

}  // namespace steepest
