// SPDX-License-Identifier: Apache-2.0
// A file that appears under its name complete and durable, or not at all.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "steepest/file_io.h"

namespace steepest {

// Writes to a temporary in the same folder; commit() syncs it, renames it over `path` and syncs the
// folder. Without commit(), or when it throws before the rename, the temporary is removed and the
// old file is untouched. A symbolic link keeps pointing: its target is replaced.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t size);
  void rewrite_start(const void* data, size_t size);  // the first bytes, once more
  void commit();

 private:
  std::string path_;
  std::string temporary_;
  std::unique_ptr<File> file_;
};

void write_file(const std::string& path, std::string_view text);

}  // namespace steepest
