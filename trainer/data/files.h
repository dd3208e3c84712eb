// SPDX-License-Identifier: Apache-2.0
// Files for reading: listed by path, folder or glob, read whole or in pieces; every fault is a
// DataError that names the file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trainer/data/dataset.h"

namespace steepest::trainer {

// A non-empty regular file that stays open and is read in pieces. It is not mapped: a file that is
// cut while it is mapped kills the process that reads it.
class PieceFile {
 public:
  // Opens the file; throws DataError where it is empty or no regular file.
  explicit PieceFile(const std::string& path);
  ~PieceFile();
  PieceFile(const PieceFile&) = delete;
  PieceFile& operator=(const PieceFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  // when it was opened

  // Fills `out` with the bytes from the offset on. Throws DataError where the file ends before.
  void read(uint64_t offset, std::span<uint8_t> out) const;

  // A hash of the file's size and time stamps: where it is the same as before, nobody has written
  // to the file.
  uint64_t stamp() const;

 private:
  std::string path_;
  int descriptor_;
  uint64_t size_ = 0;
};

// Appends the file's bytes to `out`, none of an empty file, and returns how many they are. Throws
// DataError before reading where they are more than the machine's memory.
size_t append_file(const std::string& path, std::vector<uint8_t>& out);

uint64_t physical_memory();  // of the machine, in bytes

struct FoundFile {
  std::string path, relative;  // relative to the folder given, or to the glob's first folder
};

// The files that a path stands for, in the order of their relative paths: a file; all files below a
// folder with one of the extensions (links to folders are not followed); or the matches of a glob,
// which must be files.
std::vector<FoundFile> find_files(const std::string& path,
                                  const std::vector<std::string>& extensions = {});

}  // namespace steepest::trainer
