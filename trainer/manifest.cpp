// SPDX-License-Identifier: Apache-2.0
#include "trainer/manifest.h"

#include <nlohmann/json.hpp>

#include "steepest/file_io.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;

// Every manifest begins with exactly this, then the 8 digits of its checksum, which is taken over
// the whole text with zeros in their place.
const std::string kStart = "{\n  \"crc32\": \"";
const std::string kZeros = "00000000";

std::string sealed(std::string text) {
  text.replace(kStart.size(), kZeros.size(), kZeros);
  text.replace(kStart.size(), kZeros.size(), crc32_text(crc32_of(text.data(), text.size())));
  return text;
}

Manifest from_json(const Json& json) {
  Manifest manifest{json.at("format"), json.at("step"), json.at("config_hash"), {}};
  for (const auto& [name, file] : json.at("files").items()) {
    manifest.files.push_back({name, file.at("size"), file.at("crc32")});
  }
  return manifest;
}

void verify_file(const std::string& folder, const ManifestFile& expected) {
  const FileSum found = sum_file(folder + "/" + expected.name);
  if (found.size != expected.size) {
    throw CheckpointError(folder + "/" + expected.name + ": " + std::to_string(found.size) +
                          " bytes, expected " + std::to_string(expected.size));
  }
  if (found.crc32 != expected.crc32) {
    throw CheckpointError(folder + "/" + expected.name + ": crc32 received " + found.crc32 +
                          ", expected " + expected.crc32);
  }
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  Json json{{"crc32", kZeros},
            {"format", manifest.format},
            {"step", manifest.step},
            {"config_hash", manifest.config_hash},
            {"files", Json::object()}};
  for (const auto& file : manifest.files) {
    json["files"][file.name] = {{"size", file.size}, {"crc32", file.crc32}};
  }
  return sealed(json.dump(2) + "\n");
}

Manifest parse_manifest(const std::string& path, const std::string& text) {
  const bool whole = text.starts_with(kStart) && text.size() >= kStart.size() + kZeros.size() &&
                     text == sealed(text);
  if (!whole) throw CheckpointError(path + ": damaged: it does not match its own crc32");
  try {
    const Json json = Json::parse(text);
    // Only this much is common to all formats.
    const auto format = json.at("format").get<int64_t>();
    if (format != kCheckpointFormat) {
      throw ForeignCheckpoint(path + ": format: received " + std::to_string(format) + ", allowed " +
                              std::to_string(kCheckpointFormat));
    }
    return from_json(json);
  } catch (const Json::exception&) {
    throw CheckpointError(path + ": damaged: not a manifest");
  }
}

Manifest verify_folder(const std::string& folder) {
  const std::string path = folder + "/" + kManifest;
  try {
    Manifest manifest = parse_manifest(path, read_file(path));
    for (const auto& file : manifest.files) verify_file(folder, file);
    return manifest;
  } catch (const FileError& error) {
    throw CheckpointError(error.what());
  }
}

}  // namespace steepest::trainer
