// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/safetensors_header.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "steepest/io/file_io.h"

namespace steepest {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

using Json = nlohmann::json;

// Our files begin with exactly this, so the checksums stand at fixed places.
const std::string kStart = R"({"__metadata__":{"header_crc32":")";
const std::string kBetween = R"(","crc32":")";
const std::string kZeros = "00000000";
const size_t kHeaderCrcAt = 8 + kStart.size();
const size_t kDataCrcAt = kHeaderCrcAt + kZeros.size() + kBetween.size();

struct DtypeName {
  at::ScalarType dtype;
  const char* name;
};
constexpr DtypeName kDtypes[] = {{at::kDouble, "F64"},    {at::kFloat, "F32"}, {at::kHalf, "F16"},
                                 {at::kBFloat16, "BF16"}, {at::kLong, "I64"},  {at::kInt, "I32"},
                                 {at::kShort, "I16"},     {at::kChar, "I8"},   {at::kByte, "U8"},
                                 {at::kBool, "BOOL"}};

// Returns the CRC-32 of the header's bytes, as header_bytes() lays them out, with zeros in the
// place where it is to stand itself.
uint32_t header_crc(std::string bytes) {
  bytes.replace(kHeaderCrcAt, kZeros.size(), kZeros);
  return crc32_of(bytes.data(), bytes.size());
}

}  // namespace

std::optional<at::ScalarType> dtype_of(const std::string& name) {
  for (const auto& known : kDtypes) {
    if (name == known.name) return known.dtype;
  }
  return std::nullopt;
}

const char* stored_name(at::ScalarType dtype) {
  for (const auto& known : kDtypes) {
    if (known.dtype == dtype) return known.name;
  }
  return nullptr;
}

std::string header_bytes(const std::string& path, const SafeTensorsHeader& header) {
  std::string text = kStart + kZeros + kBetween + kZeros + '"';
  try {
    for (const auto& [key, value] : header.metadata) {
      text += ',' + Json(key).dump() + ':' + Json(value).dump();
    }
    text += '}';
    for (const auto& entry : header.entries) {
      text += ',' + Json(entry.name).dump() + R"(:{"dtype":")" + stored_name(entry.dtype) +
              R"(","shape":)" + Json(entry.shape).dump() + R"(,"data_offsets":)" +
              Json({entry.begin, entry.end}).dump() + '}';
    }
  } catch (const Json::type_error&) {
    throw FileError(path + ": a name or a metadata text is not UTF-8");
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxHeader) throw FileError(path + ": header: longer than 100 MB");
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + text;
}

void seal_header(std::string& bytes, uint32_t data_crc) {
  bytes.replace(kDataCrcAt, kZeros.size(), crc32_text(data_crc));
  bytes.replace(kHeaderCrcAt, kZeros.size(), crc32_text(header_crc(bytes)));
}

std::optional<std::string> take_checksums(const std::string& path, const std::string& bytes,
                                          Metadata& metadata) {
  const auto header = metadata.extract("header_crc32");
  const auto data = metadata.extract("crc32");
  if (header.empty() && data.empty()) return std::nullopt;
  const bool ours = std::string_view(bytes).substr(8).starts_with(kStart) && !header.empty() &&
                    !data.empty() && header.mapped() == crc32_text(header_crc(bytes));
  if (!ours) {
    throw FileError(path +
                    ": header: its checksum does not match: damaged, or rewritten by a program "
                    "that kept the metadata crc32 and header_crc32");
  }
  return data.mapped();
}

}  // namespace steepest
