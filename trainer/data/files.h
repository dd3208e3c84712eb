// SPDX-License-Identifier: Apache-2.0
// Files for reading: mapped into memory, listed by path, folder or glob; every fault is a
// DataError.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trainer/data/dataset.h"

namespace steepest::trainer {

// A whole non-empty regular file, mapped read-only. It must not be cut while it is in use.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// The file's bytes, appended; an empty file appends nothing. Returns how many.
size_t append_file(const std::string& path, std::vector<uint8_t>& out);

struct FoundFile {
  std::string path, relative;  // relative to the folder given, or to the glob's first folder
};

// In the order of the relative paths. A file; all files below a folder with one of the extensions
// (links to folders are not followed); or a glob, whose matches must be files.
std::vector<FoundFile> find_files(const std::string& path,
                                  const std::vector<std::string>& extensions = {});

std::string join(const std::vector<std::string>& parts, const std::string& between);

}  // namespace steepest::trainer
