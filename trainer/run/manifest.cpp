// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/manifest.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/run/bounded_json.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;

// Every manifest begins with exactly this, then the 8 digits of its checksum, which is taken over
// the whole text with zeros in their place.
const std::string kStart = "{\n  \"crc32\": \"";
const std::string kZeros = "00000000";

// Returns the manifest's text with its CRC-32 behind kStart, in place of the zeros or the checksum
// there. The sum is taken with zeros in that place, so that the text of a file is valid if it stays
// the same here.
std::string sealed(std::string text) {
  text.replace(kStart.size(), kZeros.size(), kZeros);
  text.replace(kStart.size(), kZeros.size(), crc32_text(crc32_of(text.data(), text.size())));
  return text;
}

constexpr uint64_t kMaxManifest = 64 << 10;

// The manifest that a JSON object tells; throws Json::exception where a field is missing or of
// another type.
Manifest manifest_from(const Json& json) {
  Manifest manifest{json.at("format"), json.at("step"), json.at("config_hash"), {}, {}};
  if (json.contains("finite")) manifest.finite = json["finite"].get<bool>();
  for (const auto& [name, file] : json.at("files").items()) {
    manifest.files.push_back({name, file.at("size"), file.at("crc32")});
  }
  return manifest;
}

// Throws CheckpointError unless the step is from 0 to kMaxSteps and the files are named exactly as
// kParts, in order. The checksum does not protect against a forged manifest, whose file names could
// point outside the checkpoint's folder.
void require_content(const std::string& path, const Manifest& manifest) {
  const auto require = [&](bool good, const std::string& what) {
    if (!good) throw CheckpointError(path + ": damaged: " + what);
  };
  require(manifest.step >= 0 && manifest.step <= kMaxSteps,
          "step: received " + std::to_string(manifest.step) + ", allowed 0 to " +
              std::to_string(kMaxSteps));
  size_t i = 0;
  for (const char* part : kParts) {
    const std::string found =
        i < manifest.files.size() ? in_quotes(manifest.files[i].name) : "none";
    require(found == in_quotes(part), "files: received " + found + ", expected " + in_quotes(part));
    ++i;
  }
  require(manifest.files.size() == i, "files: received " + std::to_string(manifest.files.size()) +
                                          ", expected " + std::to_string(i));
}

// Throws CheckpointError unless the file has the size and the checksum that the manifest says,
// FileError where it cannot be read.
void verify_file(const std::string& folder, const ManifestFile& expected) {
  const std::string path = folder + "/" + expected.name;
  std::error_code unknown;  // then reading says why
  const uint64_t size = std::filesystem::file_size(path, unknown);
  const bool differs = !unknown && size != expected.size;  // it may be terabytes: not read
  const FileSum found = differs ? FileSum{size, ""} : sum_file(path);
  if (found.size != expected.size) {
    throw CheckpointError(folder + "/" + expected.name + ": " + std::to_string(found.size) +
                          " bytes, expected " + std::to_string(expected.size));
  }
  if (found.crc32 != expected.crc32) {
    throw CheckpointError(folder + "/" + expected.name + ": crc32 received " + found.crc32 +
                          ", expected " + expected.crc32);
  }
}

// Whether all numbers in the JSON, at any depth, are integers. The trainer writes no others, and a
// fraction, or 1e30, could not be read as one.
bool has_whole_numbers(const Json& json) {
  if (!json.is_structured()) return !json.is_number_float();
  return std::all_of(json.begin(), json.end(), has_whole_numbers);
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  Json json{{"crc32", kZeros},
            {"format", manifest.format},
            {"step", manifest.step},
            {"config_hash", manifest.config_hash}};
  if (manifest.finite) json["finite"] = *manifest.finite;
  json["files"] = Json::object();
  for (const auto& file : manifest.files) {
    json["files"][file.name] = {{"size", file.size}, {"crc32", file.crc32}};
  }
  return sealed(json.dump(2) + "\n");
}

Manifest parse_manifest(const std::string& path, const std::string& text) {
  const bool whole = text.starts_with(kStart) && text.size() >= kStart.size() + kZeros.size() &&
                     text == sealed(text);
  if (!whole) throw CheckpointError(path + ": damaged: it does not match its own crc32");
  const auto json = parse_bounded(text, 3);
  try {
    if (!json || !has_whole_numbers(*json)) {
      throw CheckpointError(path + ": damaged: not a manifest");
    }
    // Only this much is common to all formats.
    const auto format = json->at("format").get<int64_t>();
    if (format != kCheckpointFormat) {
      throw ForeignCheckpoint(path + ": format: received " + std::to_string(format) + ", allowed " +
                              std::to_string(kCheckpointFormat));
    }
    Manifest manifest = manifest_from(*json);
    // No key twice, none too many, no number of another kind: there is one way to say it.
    if (manifest_text(manifest) != text) {
      throw CheckpointError(path + ": damaged: not as the trainer writes it");
    }
    require_content(path, manifest);
    return manifest;
  } catch (const Json::exception&) {
    throw CheckpointError(path + ": damaged: not a manifest");
  }
}

Manifest verify_folder(const std::string& folder) {
  const std::string path = folder + "/" + kManifest;
  try {
    Manifest manifest = parse_manifest(path, read_file(path, kMaxManifest));
    for (const auto& file : manifest.files) verify_file(folder, file);
    return manifest;
  } catch (const FileError& error) {
    if (error.unreadable()) throw;
    throw CheckpointError(error.what());
  }
}

Manifest verify_checkpoint(const std::string& folder, int64_t step) {
  Manifest manifest = verify_folder(folder);
  if (manifest.step == step) return manifest;
  throw CheckpointError(folder + "/" + kManifest + ": step received " +
                        std::to_string(manifest.step) + ", expected " + std::to_string(step));
}

}  // namespace steepest::trainer
