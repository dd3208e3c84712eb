// SPDX-License-Identifier: Apache-2.0
// parse_header: nothing that a file says is believed before it has been checked.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "steepest/base/text.h"
#include "steepest/io/file_error.h"
#include "steepest/io/json_check.h"
#include "steepest/io/safetensors_header.h"

namespace steepest {
namespace {

using Json = nlohmann::json;

// Says what is wrong, with the file and the part of it ("header", "tensor \"w\"") where it is so.
struct Complaint {
  const std::string& path;
  std::string where;

  // Returns the error "<path>: <where>: <what>".
  FileError error(const std::string& what) const {
    return FileError(path + ": " + where + ": " + what);
  }
  // Throws FileError "<path>: <where>: <what>", as error() makes it, unless `good`.
  void require(bool good, const std::string& what) const {
    if (!good) throw error(what);
  }
};

// The names of the outermost object in the order of the text, and what they stand for.
struct Parsed {
  std::vector<std::string> names;
  Json json;
};

// Parses the header's text after check_json has found that it neither nests too deeply nor gives a
// key twice, and throws what `complaint` makes of it otherwise. Bytes are counted from the file's
// beginning, where 8 bytes come before the text.
Parsed parse_strictly(const Complaint& complaint, std::string_view text) {
  constexpr size_t kDepth = 3, kLongestList = 64;  // a tensor's shape
  Parsed result;
  try {
    result.names = check_json(text, {kDepth, kLongestList, /*first_byte=*/8});
  } catch (const JsonError& error) {
    throw complaint.error(error.what());
  }
  result.json = Json::parse(text);
  return result;
}

// Reads a tensor's shape; throws FileError, made by `complaint`, unless it is a list of at most 64
// sizes from 0 to 2^63 - 1.
std::vector<int64_t> read_shape(const Complaint& complaint, const Json& json) {
  complaint.require(json.is_array() && json.size() <= 64,
                    "shape must be a list of at most 64 sizes");
  std::vector<int64_t> shape;
  for (const auto& size : json) {
    complaint.require(
        size.is_number_unsigned() && size.get<uint64_t>() <= INT64_MAX,
        "shape " + json.dump() + " has a size that is not a number from 0 to 2^63 - 1");
    shape.push_back(size.get<int64_t>());
  }
  return shape;
}

// Returns how many bytes a tensor of the entry's shape and dtype takes; throws FileError, made by
// `complaint`, where that is beyond int64. Zeros count as one in the product that must not
// overflow, because the strides of an empty tensor are computed that way.
uint64_t byte_count(const Complaint& complaint, const TensorEntry& entry) {
  int64_t product = static_cast<int64_t>(c10::elementSize(entry.dtype));
  bool empty = false;
  for (const int64_t size : entry.shape) {
    empty = empty || size == 0;
    complaint.require(!__builtin_mul_overflow(product, std::max<int64_t>(size, 1), &product),
                      "shape has more than 2^63 - 1 bytes");
  }
  return empty ? 0 : static_cast<uint64_t>(product);
}

// Reads a tensor's dtype by its name in the format; throws FileError, made by `complaint`, where
// there is none of this name here.
at::ScalarType read_dtype(const Complaint& complaint, const Json& json) {
  complaint.require(json.is_string(), "dtype must be a name");
  const auto name = json.get<std::string>();
  const auto dtype = dtype_of(name);
  complaint.require(dtype.has_value(), "dtype: received " + in_quotes(name) +
                                           ", allowed F64, F32, F16, "
                                           "BF16, I64, I32, I16, I8, U8, BOOL");
  return *dtype;
}

// Reads the entry of the tensor `name` from its value in the header; throws FileError, which begins
// with the path, where it does not describe bytes within the `data_size` that follow the header, as
// many as its shape and dtype take.
TensorEntry read_entry(const std::string& path, const std::string& name, const Json& json,
                       uint64_t data_size) {
  const Complaint complaint{path, "tensor " + in_quotes(name)};
  complaint.require(json.is_object() && json.size() == 3 && json.contains("dtype") &&
                        json.contains("shape") && json.contains("data_offsets"),
                    "must have exactly dtype, shape and data_offsets");
  TensorEntry entry{name, read_dtype(complaint, json["dtype"]),
                    read_shape(complaint, json["shape"])};
  const Json& offsets = json["data_offsets"];
  complaint.require(offsets.is_array() && offsets.size() == 2 && offsets[0].is_number_unsigned() &&
                        offsets[1].is_number_unsigned(),
                    "data_offsets must be two numbers from 0");
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  complaint.require(entry.begin <= entry.end && entry.end <= data_size,
                    "data_offsets " + offsets.dump() + " are not within the " +
                        std::to_string(data_size) + " bytes of data");
  const uint64_t expected = byte_count(complaint, entry);
  complaint.require(entry.end - entry.begin == expected,
                    "data_offsets " + offsets.dump() + " hold " +
                        std::to_string(entry.end - entry.begin) + " bytes, shape and dtype " +
                        std::to_string(expected));
  return entry;
}

// Throws FileError, which begins with the path, unless the entries' bytes lie end to end, from the
// first of the `data_size` bytes of data to the last.
void require_coverage(const std::string& path, const std::vector<TensorEntry>& entries,
                      uint64_t data_size) {
  std::vector<const TensorEntry*> sorted;
  for (const auto& entry : entries) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::tie(a->begin, a->end) < std::tie(b->begin, b->end);
  });
  uint64_t at = 0;
  for (const TensorEntry* entry : sorted) {
    const Complaint tensor{path, "tensor " + in_quotes(entry->name)};
    tensor.require(entry->begin >= at,
                   "overlaps another at byte " + std::to_string(entry->begin) + " of the data");
    tensor.require(entry->begin == at,
                   "leaves a hole before byte " + std::to_string(entry->begin) + " of the data");
    at = entry->end;
  }
  Complaint{path, "data"}.require(
      at == data_size,
      std::to_string(data_size) + " bytes, of which the tensors cover " + std::to_string(at));
}

// Reads the value of the header's "__metadata__"; throws FileError, which begins with the path,
// unless it maps names to texts.
Metadata read_metadata(const std::string& path, const Json& json) {
  const Complaint metadata{path, "__metadata__"};
  metadata.require(json.is_object(), "must map names to texts");
  Metadata result;
  for (const auto& [key, value] : json.items()) {
    metadata.require(value.is_string(), in_quotes(key) + " is not a text");
    result[key] = value.get<std::string>();
  }
  return result;
}

}  // namespace

// Parses and checks a header, `bytes` (the 8 of its length and its JSON text); `data_size` is how
// many bytes follow it in the file. Returns the entries and the metadata; throws FileError, which
// begins with `path`, at anything wrong: nothing that a file says is believed before it has been
// checked.
SafeTensorsHeader parse_header(const std::string& path, const std::string& bytes,
                               uint64_t data_size) {
  const std::string_view text = std::string_view(bytes).substr(8);
  const Complaint complaint{path, "header"};
  complaint.require(text.starts_with('{'), "does not begin with '{'");
  const Parsed parsed = parse_strictly(complaint, text);
  SafeTensorsHeader header;
  for (const auto& name : parsed.names) {
    const Json& value = parsed.json[name];
    if (name == "__metadata__") {
      header.metadata = read_metadata(path, value);
    } else {
      header.entries.push_back(read_entry(path, name, value, data_size));
    }
  }
  require_coverage(path, header.entries, data_size);
  return header;
}

}  // namespace steepest
