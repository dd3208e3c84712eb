// SPDX-License-Identifier: Apache-2.0
// manifest.json closes a checkpoint: size and CRC-32 of every file, and a CRC-32 of itself.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace steepest::trainer {

// What a checkpoint says or lacks; one line. A checkpoint whose bytes could not be read is none of
// this: that is a FileError.
struct CheckpointError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Undamaged, but of another run, model, optimizer or format: never passed over in silence.
struct ForeignCheckpoint : CheckpointError {
  using CheckpointError::CheckpointError;
};

constexpr int64_t kCheckpointFormat = 1;
constexpr char kManifest[] = "manifest.json";
// What a checkpoint consists of besides, in the manifest's order.
constexpr const char* kParts[] = {"model.safetensors", "optimizer.safetensors",
                                  "state.safetensors"};
constexpr int64_t kMaxSteps = int64_t{1} << 53;

struct ManifestFile {
  std::string name;
  uint64_t size = 0;
  std::string crc32;
};

struct Manifest {
  int64_t format = kCheckpointFormat;
  int64_t step = 0;
  std::string config_hash;
  std::optional<bool> finite;  // weights and loss; the first versions did not say
  std::vector<ManifestFile> files;
};

// The content of manifest.json, the same for the same manifest; parse_manifest finds any change of
// any byte of it.
std::string manifest_text(const Manifest& manifest);

// The manifest that the text of the file `path` tells. Throws CheckpointError unless it is, byte
// for byte, what manifest_text makes of kParts and a step from 0 to kMaxSteps; ForeignCheckpoint
// when its format is not ours.
Manifest parse_manifest(const std::string& path, const std::string& text);

// Reads every byte of a checkpoint's files and returns its manifest; throws CheckpointError naming
// the first file that is not as the manifest says, FileError for one that could not be read.
Manifest verify_folder(const std::string& folder);
// Verifies and returns as verify_folder does; throws CheckpointError, too, where the manifest is of
// another step. A folder that was renamed is not the checkpoint of the step in its new name.
Manifest verify_checkpoint(const std::string& folder, int64_t step);

}  // namespace steepest::trainer
