// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file: its text, what it says, and the checks that make it
// trustworthy.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "steepest/io/named_tensors.h"

namespace steepest {

constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit

struct TensorEntry {
  std::string name;
  at::ScalarType dtype;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // of its bytes, counted from the header's end
};

struct SafeTensorsHeader {
  std::vector<TensorEntry> entries;  // in the order of the text
  Metadata metadata;
};

// Returns the format's name of a dtype ("F32"), or nullptr where it has none here.
const char* stored_name(at::ScalarType dtype);
// Returns the dtype that has this name in the format, or nothing.
std::optional<at::ScalarType> dtype_of(const std::string& name);

// Returns the first 8 bytes of the file (the length) and the header's text, padded with blanks to a
// multiple of 8 so that the data is aligned; both checksums are still zeros. Throws FileError,
// which begins with `path`, at a name or text that is not UTF-8 and at more than kMaxHeader bytes.
std::string header_bytes(const std::string& path, const SafeTensorsHeader& header);

// Writes the checksum of the data, then that of the header itself, into `bytes`, which
// header_bytes() has made.
void seal_header(std::string& bytes, uint32_t data_crc);

// Reads the entries and the metadata from a header, after every check that does not need the data;
// throws FileError, which begins with `path`. `bytes` holds the 8 of the length too; `data_size` is
// how many bytes follow the header in the file.
SafeTensorsHeader parse_header(const std::string& path, const std::string& bytes,
                               uint64_t data_size);

// Takes the keys of the checksums out of the metadata; returns what the data's CRC-32 must be, or
// nothing for a file of another program, which has none. Throws FileError where the header's own
// does not match `bytes`, the length and the text.
std::optional<std::string> take_checksums(const std::string& path, const std::string& bytes,
                                          Metadata& metadata);

}  // namespace steepest
