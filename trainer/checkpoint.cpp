// SPDX-License-Identifier: Apache-2.0
#include "trainer/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>

#include "steepest/atomic_file.h"

namespace steepest::trainer {
namespace {

const std::string kPrefix = "ckpt-";

struct Part {
  const char* file;
  SafeTensors Checkpoint::*content;
};
constexpr Part kParts[] = {{"model.safetensors", &Checkpoint::model},
                           {"optimizer.safetensors", &Checkpoint::optimizer},
                           {"state.safetensors", &Checkpoint::state}};

// The step of "ckpt-12"; nothing for any other name ("ckpt-012" and "ckpt-12.old" are not ours).
std::optional<int64_t> step_of(const std::string& name) {
  int64_t step = 0;
  const char* begin = name.data() + std::min(name.size(), kPrefix.size());
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), step);
  if (error != std::errc() || name != kPrefix + std::to_string(step)) return std::nullopt;
  return step;
}

// Steps of all folders named like a checkpoint, complete or not, newest first.
std::vector<int64_t> all_steps(const std::string& run) {
  std::vector<int64_t> steps;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run, error)) {
    if (const auto step = step_of(entry.path().filename().string())) steps.push_back(*step);
  }
  if (error) throw FileError(run + ": cannot list: " + error.message());
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

bool complete(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder + "/" + kManifest, ignored);
}

// The manifest goes first: from then on the folder is a leftover, whatever stops the rest.
void remove_checkpoint(const std::string& folder) {
  const std::string manifest = folder + "/" + kManifest;
  if (complete(folder)) {
    remove_file(manifest);
    sync_folder(folder);
  }
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.push_back(entry.path().string());
  }
  for (const auto& file : files) remove_file(file);
  remove_folder(folder);
}

// A folder that was renamed is not the checkpoint of the step in its new name.
void require_step(const std::string& folder, int64_t found, int64_t expected) {
  if (found == expected) return;
  throw CheckpointError(folder + "/" + kManifest + ": step received " + std::to_string(found) +
                        ", expected " + std::to_string(expected));
}

bool valid(const std::string& folder, int64_t step) {
  try {
    require_step(folder, verify_folder(folder).step, step);
    return true;
  } catch (const CheckpointError&) {
    return false;
  }
}

Checkpoint load_step(const std::string& folder, int64_t step) {
  Checkpoint checkpoint = load_checkpoint(folder);
  require_step(folder, checkpoint.step, step);
  return checkpoint;
}

void write_parts(const std::string& folder, const Checkpoint& checkpoint) {
  Manifest manifest{.step = checkpoint.step, .config_hash = checkpoint.config_hash, .files = {}};
  for (const Part& part : kParts) {
    const std::string path = folder + "/" + part.file;
    const SafeTensors& content = checkpoint.*part.content;
    write_safetensors(path, content.tensors, content.metadata);
    const FileSum sum = sum_file(path);
    manifest.files.push_back({part.file, sum.size, sum.crc32});
  }
  sync_folder(folder_of(folder));  // the folder's own name, before anything declares it complete
  write_file(folder + "/" + kManifest, manifest_text(manifest));
}

// Removes all but the newest `keep` valid ones up to `step`; a failure is no reason to stop a run.
std::vector<std::string> prune(const std::string& run, int64_t step, int keep) {
  std::vector<std::string> warnings;
  int kept = 0;
  for (const int64_t other : all_steps(run)) {
    const std::string folder = checkpoint_folder(run, other);
    const bool candidate = other <= step && kept < keep;
    if (candidate && (other == step || valid(folder, other))) {
      ++kept;
      continue;
    }
    try {
      remove_checkpoint(folder);
    } catch (const std::exception& error) {
      warnings.push_back(error.what());
    }
  }
  return warnings;
}

bool already_saved(const std::string& folder, const Checkpoint& checkpoint) {
  return valid(folder, checkpoint.step) &&
         verify_folder(folder).config_hash == checkpoint.config_hash;
}

}  // namespace

std::string checkpoint_folder(const std::string& run, int64_t step) {
  return run + "/" + kPrefix + std::to_string(step);
}

std::vector<int64_t> checkpoint_steps(const std::string& run) {
  std::vector<int64_t> steps = all_steps(run);
  std::erase_if(steps, [&](int64_t step) { return !complete(checkpoint_folder(run, step)); });
  std::reverse(steps.begin(), steps.end());
  return steps;
}

Saved save_checkpoint(const std::string& run, const Checkpoint& checkpoint, int keep) {
  const std::string folder = checkpoint_folder(run, checkpoint.step);
  if (!already_saved(folder, checkpoint)) {
    if (is_folder(folder)) remove_checkpoint(folder);
    make_folder(folder);
    try {
      write_parts(folder, checkpoint);
    } catch (...) {
      std::error_code ignored;  // gives back the space of a full disk
      if (!complete(folder)) std::filesystem::remove_all(folder, ignored);
      throw;
    }
  }
  return {folder, prune(run, checkpoint.step, keep)};
}

Checkpoint load_checkpoint(const std::string& folder) {
  const Manifest manifest = verify_folder(folder);
  Checkpoint checkpoint{.step = manifest.step, .config_hash = manifest.config_hash};
  try {
    for (const Part& part : kParts) {
      checkpoint.*part.content = read_safetensors(folder + "/" + part.file);
    }
  } catch (const FileError& error) {
    throw CheckpointError(error.what());
  }
  return checkpoint;
}

std::optional<Latest> latest_checkpoint(const std::string& run) {
  std::vector<int64_t> steps = checkpoint_steps(run);
  std::vector<std::string> faults;
  for (; !steps.empty(); steps.pop_back()) {
    const std::string folder = checkpoint_folder(run, steps.back());
    try {
      Latest latest{load_step(folder, steps.back()), folder, std::move(faults)};
      for (auto& line : latest.damaged) line += "; using " + folder;
      return latest;
    } catch (const ForeignCheckpoint&) {
      throw;
    } catch (const CheckpointError& error) {
      faults.push_back(error.what());
    }
  }
  if (faults.empty()) return std::nullopt;
  throw CheckpointError(run + ": no valid checkpoint: " + faults.front());
}

}  // namespace steepest::trainer
