// SPDX-License-Identifier: Apache-2.0
// Layout: u64 length of the header, the header (JSON), the tensors' bytes. Wide elements come
// first, so that every tensor is aligned for programs that map the file.
#include "steepest/io/safetensors.h"

#include <ATen/ops/empty.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include "steepest/base/text.h"
#include "steepest/io/atomic_file.h"
#include "steepest/io/safetensors_header.h"

namespace steepest {
namespace {

// Returns the indices of the entries in the order in which their bytes lie in the file, which is
// read and written from front to back.
std::vector<size_t> order_by_offset(const std::vector<TensorEntry>& entries) {
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return entries[a].begin < entries[b].begin; });
  return order;
}

// Sets begin and end of each tensor's entry, in bytes from the header's end: end to end, the widest
// elements first, so that every tensor is aligned. Entries and tensors are in the same order.
void assign_offsets(std::vector<TensorEntry>& entries, const NamedTensors& tensors) {
  uint64_t at = 0;
  for (const int64_t width : {8, 4, 2, 1}) {
    for (size_t i = 0; i < entries.size(); ++i) {
      if (tensors[i].second.element_size() != width) continue;
      entries[i].begin = at;
      at += tensors[i].second.numel() * width;
      entries[i].end = at;
    }
  }
}

// Throws FileError, which begins with the path, where the format cannot hold this tensor under this
// name.
void require_writable(const std::string& path, const std::string& name, const at::Tensor& tensor) {
  const auto require = [&](bool good, const std::string& what) {
    if (!good)
      throw FileError(path + ": tensor " + in_quotes(name) + ": cannot be written: " + what);
  };
  require(name != "__metadata__", "the name is taken");
  require(tensor.defined(), "undefined");
  require(stored_name(tensor.scalar_type()) != nullptr,
          std::string("dtype ") + c10::toString(tensor.scalar_type()));
  require(tensor.layout() == at::kStrided && !tensor.is_meta(), "has no plain memory");
}

// Returns the header's entries of the tensors, in the same order, with their offsets; throws
// FileError, which begins with the path, where one cannot be written or a name is given twice.
std::vector<TensorEntry> entries_for(const std::string& path, const NamedTensors& tensors) {
  std::vector<TensorEntry> entries;
  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    require_writable(path, name, tensor);
    if (!names.insert(name).second) {
      throw FileError(path + ": tensor " + in_quotes(name) + ": given twice");
    }
    entries.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  }
  assign_offsets(entries, tensors);
  return entries;
}

// Throws FileError where the tensor of this entry is of bools and has another byte than 0 and 1,
// which would be undefined behaviour wherever it is read; other dtypes pass.
void require_valid_bools(const std::string& path, const TensorEntry& entry,
                         const at::Tensor& tensor) {
  if (entry.dtype != at::kBool) return;
  const auto* bytes = static_cast<const uint8_t*>(tensor.const_data_ptr());
  for (uint64_t i = 0; i < entry.end - entry.begin; ++i) {
    if (bytes[i] > 1) {
      throw FileError(path + ": tensor " + in_quotes(entry.name) + ": byte " + std::to_string(i) +
                      " is " + std::to_string(bytes[i]) + ", not a BOOL");
    }
  }
}

// Reads the start of `file`, of `size` bytes in all, from position 0: the 8 bytes of the header's
// length, and its JSON text. Returns both as one string, unparsed, and leaves the file where the
// data begins. Throws FileError where the file is too short for them.
std::string read_header(File& file, uint64_t size) {
  const auto require = [&](bool good, const std::string& what) {
    if (!good) throw FileError(file.name() + ": " + what);
  };
  require(size >= 8, "too short: " + std::to_string(size) + " bytes, at least 8 expected");
  std::string bytes(8, '\0');
  file.read_all(bytes.data(), 8);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  require(length <= kMaxHeader && length <= size - 8,
          "header of " + std::to_string(length) + " bytes at offset 8 of " + std::to_string(size) +
              " bytes: truncated, or not a safetensors file");
  bytes.resize(8 + length);
  file.read_all(bytes.data() + 8, length);
  return bytes;
}

}  // namespace

void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const Metadata& metadata) {
  for (const char* taken : {"crc32", "header_crc32"}) {
    if (metadata.count(taken))
      throw FileError(path + ": metadata " + taken + ": the name is taken");
  }
  const SafeTensorsHeader header{entries_for(path, tensors), metadata};
  std::string head = header_bytes(path, header);
  AtomicFile file(path);
  file.write(head.data(), head.size());
  uint32_t crc = 0;
  for (const size_t i : order_by_offset(header.entries)) {
    const at::Tensor plain = tensors[i].second.detach().resolve_neg().to(at::kCPU).contiguous();
    file.write(plain.const_data_ptr(), plain.nbytes());
    crc = crc32_of(plain.const_data_ptr(), plain.nbytes(), crc);
  }
  // The checksums are known only now: one pass over the tensors, one copy at a time.
  seal_header(head, crc);
  file.rewrite_start(head.data(), head.size());
  file.commit();
}

SafeTensors read_safetensors(const std::string& path) {
  File file(path, O_RDONLY);
  const uint64_t size = file.size();
  const std::string head = read_header(file, size);
  SafeTensorsHeader header = parse_header(path, head, size - head.size());
  const auto expected = take_checksums(path, head, header.metadata);
  SafeTensors result{{}, std::move(header.metadata)};
  for (const auto& entry : header.entries) result.tensors.emplace_back(entry.name, at::Tensor());
  uint32_t crc = 0;
  for (const size_t i : order_by_offset(header.entries)) {
    const TensorEntry& entry = header.entries[i];
    at::Tensor& tensor = result.tensors[i].second;
    tensor = at::empty(entry.shape, at::TensorOptions(entry.dtype));
    file.read_all(tensor.mutable_data_ptr(), tensor.nbytes());
    crc = crc32_of(tensor.const_data_ptr(), tensor.nbytes(), crc);
    require_valid_bools(path, entry, tensor);
  }
  if (expected && *expected != crc32_text(crc)) {
    throw FileError(path + ": data: crc32 received " + crc32_text(crc) + ", expected " + *expected);
  }
  return result;
}

}  // namespace steepest
