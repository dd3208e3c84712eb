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
  // Closes the file.
  ~PieceFile();
  PieceFile(const PieceFile&) = delete;
  PieceFile& operator=(const PieceFile&) = delete;

  // The path that the file was opened by.
  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  // when it was opened

  // Fills `out` with the bytes from the offset on. Throws DataError where the file ends before
  // that, or cannot be read.
  void read(uint64_t offset, std::span<uint8_t> out) const;

  // A hash of the file's size and time stamps: where it is the same as before, nobody has written
  // to the file since. Throws DataError where the system does not tell them.
  uint64_t stamp() const;

 private:
  std::string path_;
  int descriptor_;
  uint64_t size_ = 0;
};

// Appends the file's bytes to `out` and returns how many they are, 0 of an empty file. Throws
// DataError where it is no regular file, cannot be read whole, or has, with what `out` holds, more
// bytes than the machine's memory; these are not read.
size_t append_file(const std::string& path, std::vector<uint8_t>& out);

uint64_t physical_memory();  // of the machine, in bytes

struct FoundFile {
  std::string path, relative;  // relative to the folder given, or to the glob's first folder
};

// The files that a path stands for, in the order of their relative paths: all files below a folder
// with one of the extensions (links to folders are not followed); the matches of a glob; or the
// path itself, be it there or not. Throws DataError for an empty path, and where a folder or a glob
// has no file.
std::vector<FoundFile> find_files(const std::string& path,
                                  const std::vector<std::string>& extensions = {});

}  // namespace steepest::trainer
