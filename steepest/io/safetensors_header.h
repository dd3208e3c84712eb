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

// The format's name of a dtype ("F32"), or nullptr when it has none here.
const char* stored_name(at::ScalarType dtype);
// The dtype that has this name in the format, or nothing.
std::optional<at::ScalarType> dtype_of(const std::string& name);

// The first 8 bytes of the file (the length) and the header's text, which ends at a multiple of 8;
// both checksums are still zeros. Throws FileError, naming `path`, for a name that is not UTF-8.
std::string header_bytes(const std::string& path, const SafeTensorsHeader& header);

// Writes the checksum of the data, then that of the header itself, into header_bytes().
void seal_header(std::string& bytes, uint32_t data_crc);

// The entries and the metadata, after every check that does not need the data. `bytes` holds the
// length too; `data_size` is what follows the header in the file.
SafeTensorsHeader parse_header(const std::string& path, const std::string& bytes,
                               uint64_t data_size);

// Takes the keys of the checksums out of the metadata; returns what the data's CRC-32 must be, or
// nothing for a file that another program wrote.
std::optional<std::string> take_checksums(const std::string& path, const std::string& bytes,
                                          Metadata& metadata);

}  // namespace steepest
