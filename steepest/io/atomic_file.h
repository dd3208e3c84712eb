// SPDX-License-Identifier: Apache-2.0
// A file that appears under its name complete and durable, or not at all.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "steepest/io/file_io.h"

namespace steepest {

// What becomes of a path that is a symbolic link: it keeps pointing and its target is replaced, as
// is right for a path that a person gives; or FileError, for the files of a run.
enum class Links { follow, refuse };

// Writes to a temporary in the same folder; commit() syncs it, renames it over `path` and syncs the
// folder, then removes what killed writers of the same file have left. Without commit(), or when it
// throws before the rename, the temporary is removed and the old file is untouched. Owner and mode
// stay those of the old file.
class AtomicFile {
 public:
  // Opens a temporary beside `path` for its new content, with the old file's owner and mode where
  // there is one. Throws FileError where `path` is a folder, a pipe or a device, or a link that
  // `links` refuses.
  explicit AtomicFile(const std::string& path, Links links = Links::follow);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends `size` bytes to the temporary.
  void write(const void* data, size_t size);
  // Overwrites the first `size` bytes of the temporary, for a header that is known only at the end;
  // nothing is to be appended after it.
  void rewrite_start(const void* data, size_t size);
  // Syncs the temporary to the disk, renames it to the file's path, which replaces the old file at
  // one moment, syncs the folder and removes what killed writers of the file have left. Throws
  // FileError where it cannot be synced or renamed.
  void commit();

 private:
  // Makes and locks the temporary, with this mode.
  void open_temporary(mode_t mode);

  std::string path_;
  std::string temporary_;
  std::unique_ptr<File> file_;
};

// Writes the text as the whole content of `path`, complete and durable or not at all.
void write_file(const std::string& path, std::string_view text, Links links = Links::follow);

// Whether `name` is one that AtomicFile gives, or its first versions gave, to temporaries of the
// file named `file`; both are without a folder.
bool is_temporary_of(std::string_view name, std::string_view file);

// Removes the temporaries that killed writers of `path` have left; never one that is being written.
// What cannot be removed stays.
void remove_leftovers(const std::string& path);

}  // namespace steepest
