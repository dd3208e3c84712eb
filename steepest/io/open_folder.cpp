// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/open_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace steepest {
namespace {

// Returns what stands under a name, by the mode of lstat(2).
FolderEntry::Kind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FolderEntry::Kind::file;
  if (S_ISDIR(mode)) return FolderEntry::Kind::folder;
  return S_ISLNK(mode) ? FolderEntry::Kind::link : FolderEntry::Kind::other;
}

}  // namespace

std::string FolderEntry::text() const {
  const char* const kinds[] = {"a regular file", "a folder", "a symbolic link",
                               "a pipe, socket or device"};
  const std::string kind_text = kinds[static_cast<int>(kind)];
  return ours || kind == Kind::link || kind == Kind::other
             ? kind_text
             : kind_text + " of another user" + (kind == Kind::folder ? " or disk" : "");
}

// Opens the folder of this path, which may be a link; throws FileError where there is none.
OpenFolder::OpenFolder(const std::string& path) : file_(path, O_RDONLY | O_DIRECTORY) {}

// Opens the folder of this name in `parent`; throws FileError where there is none, or a link.
OpenFolder::OpenFolder(const OpenFolder& parent, const std::string& name)
    : file_(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, parent / name, 0,
            parent.file_.descriptor()) {}

// Lists the names of all that is in the folder now, without . and .., sorted; throws FileError
// where the folder cannot be read.
std::vector<std::string> OpenFolder::names() const {
  // Opened anew: a position in the list is shared by all copies of a descriptor.
  const auto copy = static_cast<int>(system_call("list", path(), [&] {
    return ::openat(file_.descriptor(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }));
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(copy), ::closedir);
  if (!list) {
    const int error = errno;
    ::close(copy);
    throw_system_error("list", path(), error);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(list.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) throw_system_error("list", path(), errno);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<FolderEntry> OpenFolder::find(const std::string& name) const {
  struct stat own {
  }, info{};
  bool there = true;
  system_call("examine", *this / name, [&]() -> int64_t {
    if (::fstat(file_.descriptor(), &own) != 0) return -1;
    const int result = ::fstatat(file_.descriptor(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
    there = result == 0;
    return result != 0 && errno == ENOENT ? 0 : result;
  });
  if (!there) return std::nullopt;
  const bool owner = info.st_uid == ::geteuid() || info.st_uid == own.st_uid;
  // Another disk may be mounted on a folder; files have numbers of their own on layered ones.
  const bool disk = !S_ISDIR(info.st_mode) || info.st_dev == own.st_dev;
  return FolderEntry{kind_of(info.st_mode), owner && disk};
}

// Makes an empty folder of this name in this folder; throws FileError where the name is taken.
void OpenFolder::make_folder(const std::string& name) const {
  system_call("create", *this / name,
              [&] { return ::mkdirat(file_.descriptor(), name.c_str(), kFolderMode); });
}

// Removes the file or the link of this name from this folder; throws FileError where that fails.
void OpenFolder::remove_file(const std::string& name) const {
  system_call("remove", *this / name,
              [&] { return ::unlinkat(file_.descriptor(), name.c_str(), 0); });
}

// Removes the empty folder of this name from this folder; throws FileError where that fails.
void OpenFolder::remove_folder(const std::string& name) const {
  system_call("remove", *this / name,
              [&] { return ::unlinkat(file_.descriptor(), name.c_str(), AT_REMOVEDIR); });
}

void OpenFolder::sync() const {
  system_call("sync folder", path(), [&] {
    const int result = ::fsync(file_.descriptor());
    // Some file systems have no fsync for folders: they offer nothing stronger than this.
    return result < 0 && (errno == EINVAL || errno == ENOTSUP) ? 0 : result;
  });
}

void sync_folder(const std::string& path) { OpenFolder(path).sync(); }

}  // namespace steepest
