// SPDX-License-Identifier: Apache-2.0
// A folder held open. What is in it is named relative to it and looked at without following links,
// so that nothing that happens to a path between a check and a removal leads elsewhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steepest/io/file_io.h"

namespace steepest {

// What a name stands for.
struct FolderEntry {
  enum class Kind { file, folder, link, other };  // a link is one, wherever it points
  Kind kind = Kind::other;
  bool ours =
      false;  // of this process's user or the folder's owner; a folder: on the same disk too

  // Whether the entry is of the `wanted` kind and `ours`: of this user or the folder's owner, so
  // that it may be written to or removed.
  bool is(Kind wanted) const { return kind == wanted && ours; }
  // Says in words what it is, for messages: "a symbolic link", "a folder of another user or disk".
  std::string text() const;
};

class OpenFolder {
 public:
  explicit OpenFolder(const std::string& path);                   // the path may be a link
  OpenFolder(const OpenFolder& parent, const std::string& name);  // the name may not

  // Returns the path under which the folder was opened, for messages.
  const std::string& path() const { return file_.name(); }
  // Returns the path of a name in this folder, for messages.
  std::string operator/(const std::string& name) const { return path() + "/" + name; }

  std::vector<std::string> names() const;  // sorted
  // Returns what stands under the name in this folder, a link not followed; nothing where there is
  // no such name.
  std::optional<FolderEntry> find(const std::string& name) const;
  void make_folder(const std::string& name) const;
  void remove_file(const std::string& name) const;
  void remove_folder(const std::string& name) const;  // an empty one
  // Makes what was created, renamed or removed in the folder durable: returns once it is on the
  // disk.
  void sync() const;

 private:
  File file_;
};

// Makes what was created or renamed in the folder of this path durable.
void sync_folder(const std::string& path);

}  // namespace steepest
