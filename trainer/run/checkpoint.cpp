// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/checkpoint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <set>

#include "steepest/io/atomic_file.h"
#include "steepest/io/open_folder.h"
#include "trainer/run/checkpoint_folder.h"

namespace steepest::trainer {
namespace {

// The content of the file kParts[i]: model, optimizer, state.
SafeTensors& part_at(Checkpoint& checkpoint, size_t i) {
  SafeTensors* const parts[] = {&checkpoint.model, &checkpoint.optimizer, &checkpoint.state};
  return *parts[i];
}
// The content of the file kParts[i], to be read only.
const SafeTensors& part_at(const Checkpoint& checkpoint, size_t i) {
  return part_at(const_cast<Checkpoint&>(checkpoint), i);
}

// Whether no tensor of a floating dtype holds NaN or Inf.
bool all_finite(const NamedTensors& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const auto& named) {
    return !named.second.is_floating_point() ||
           at::isfinite(named.second).all().template item<bool>();
  });
}

// Reads the files of a checkpoint whose manifest was verified. Throws CheckpointError for what is
// wrong with them, FileError where they cannot be read, for lack of memory too.
Checkpoint read_parts(const std::string& folder, const Manifest& manifest) {
  Checkpoint checkpoint{.step = manifest.step, .config_hash = manifest.config_hash};
  checkpoint.finite = manifest.finite.value_or(true);
  try {
    for (size_t i = 0; i < std::size(kParts); ++i) {
      part_at(checkpoint, i) = read_safetensors(folder + "/" + kParts[i]);
    }
  } catch (const FileError& error) {
    if (error.unreadable()) throw;
    throw CheckpointError(error.what());
  } catch (const std::bad_alloc&) {
    throw_system_error("read", folder, ENOMEM);
  } catch (const c10::Error&) {  // torch's bad_alloc
    throw_system_error("read", folder, ENOMEM);
  }
  return checkpoint;
}

// Writes the files of a checkpoint into its folder, which is there, and last the manifest, which
// makes the folder a checkpoint; returns the manifest. It says "not finite" where the checkpoint
// does or a weight holds NaN or Inf. Throws FileError for what cannot be written.
Manifest write_parts(const std::string& folder, const Checkpoint& checkpoint) {
  Manifest manifest{.step = checkpoint.step, .config_hash = checkpoint.config_hash};
  manifest.finite = checkpoint.finite && all_finite(checkpoint.model.tensors);
  for (size_t i = 0; i < std::size(kParts); ++i) {
    const std::string path = folder + "/" + kParts[i];
    const SafeTensors& content = part_at(checkpoint, i);
    write_safetensors(path, content.tensors, content.metadata);
    const FileSum sum = sum_file(path);
    manifest.files.push_back({kParts[i], sum.size, sum.crc32});
  }
  sync_folder(folder_of(folder));  // the folder's own name, before anything declares it complete
  write_file(folder + "/" + kManifest, manifest_text(manifest), Links::refuse);
  return manifest;
}

enum class Health { good, not_finite, damaged, unknown };

// Verifies the step's checkpoint: good, not_finite (weights or loss), damaged (or without
// manifest), or unknown (it cannot be read now, or is of another format): such a one is not to be
// removed.
Health health_of(const std::string& folder, int64_t step) {
  try {
    if (!has_manifest(folder)) return Health::damaged;
    return verify_checkpoint(folder, step).finite.value_or(true) ? Health::good
                                                                 : Health::not_finite;
  } catch (const ForeignCheckpoint&) {
    return Health::unknown;  // of a format that is not ours to judge
  } catch (const CheckpointError&) {
    return Health::damaged;
  } catch (const FileError&) {
    return Health::unknown;
  }
}

// Adds the error's line to the warnings. An error without an errno (code 0) is about the files of
// another program and stays, so a process tells of it once; others may be told again.
void add_warning(std::vector<std::string>& warnings, const FileError& error) {
  static std::set<std::string> told;
  if (error.code != 0 || told.insert(error.what()).second) warnings.emplace_back(error.what());
}

// Removes the run's checkpoints but `newest`, which was just saved, older good ones up to `keep` in
// all, and those that cannot be read now. Returns a line on each of these and on each that could
// not be removed; the run goes on. Throws FileError where the folder cannot be listed.
std::vector<std::string> prune(const OpenFolder& run, const Manifest& newest, int keep) {
  std::vector<std::string> warnings;
  int kept = newest.finite.value_or(true) ? 1 : 0;
  for (const int64_t step : named_steps(run)) {
    const std::string folder = checkpoint_folder(run.path(), step);
    if (step == newest.step) continue;
    const bool wanted = step < newest.step && kept < keep;
    try {
      const Health health =
          wanted || step > newest.step ? health_of(folder, step) : Health::damaged;
      if (health == Health::unknown) throw FileError(folder + ": kept: it cannot be read now");
      if (wanted && health == Health::good) {
        ++kept;
      } else {
        remove_checkpoint(run, step);
      }
    } catch (const FileError& error) {
      add_warning(warnings, error);
    }
  }
  return warnings;
}

// The manifest where a valid checkpoint of this step and config is there already; nothing where
// there is none, or it is damaged or of another config: the caller replaces it. Throws FileError
// where that cannot be told: what cannot be read now must not be replaced.
std::optional<Manifest> already_saved(const std::string& folder, const Checkpoint& checkpoint) {
  if (!has_manifest(folder)) return std::nullopt;
  try {
    auto manifest = verify_checkpoint(folder, checkpoint.step);
    if (manifest.config_hash == checkpoint.config_hash) return manifest;
  } catch (const CheckpointError&) {
  }
  return std::nullopt;
}

// Removes what has the name of the step's new checkpoint and makes its folder, in which files of
// other programs may stay; throws FileError where that cannot be done.
void make_room(const OpenFolder& run, int64_t step) {
  try {
    remove_checkpoint(run, step);
  } catch (const FileError& error) {
    if (error.code != 0) throw;
  }
  make_checkpoint_folder(run, step);
}

// Removes a checkpoint that could not be written whole, for the space of a full disk. One that has
// its manifest stays; errors are passed over, as the one that stopped the writing is reported.
void remove_unfinished(const OpenFolder& run, int64_t step) {
  try {
    if (!has_manifest(checkpoint_folder(run.path(), step))) remove_checkpoint(run, step);
  } catch (const FileError&) {
  }
}

// Thrown where a checkpoint was removed while it was read.
struct Vanished {};

// The manifest of the step's checkpoint, every file verified; nothing where its folder has no
// manifest. Throws CheckpointError where the checkpoint is damaged or its name a link to none,
// ForeignCheckpoint for another format, and FileError where it cannot be read.
std::optional<Manifest> verify_if_complete(const OpenFolder& run, int64_t step) {
  const std::string folder = checkpoint_folder(run.path(), step);
  if (has_manifest(folder)) return verify_checkpoint(folder, step);
  const auto entry = run.find(checkpoint_name(step));
  if (entry && entry->kind == FolderEntry::Kind::link) {
    throw CheckpointError(folder + ": a symbolic link to no checkpoint");
  }
  return std::nullopt;
}

class Search {
 public:
  // Takes the run's folder, and whether checkpoints with NaN or Inf are to be passed over.
  Search(const OpenFolder& run, Want want) : run_(run), want_(want) {}

  // Returns the newest checkpoint that is valid and wanted, or the newest valid one if none is
  // finite; nothing where none was ever completed. Throws CheckpointError where all are damaged,
  // Vanished where one was removed meanwhile, and what try_step throws.
  std::optional<Latest> newest() {
    const auto steps = named_steps(run_);
    for (const int64_t step : steps) {
      if (auto found = try_step(step)) return found;
    }
    if (named_steps(run_) != steps) throw Vanished();
    if (not_finite_) {
      want_ = Want::newest;
      if (auto found = try_step(*not_finite_)) {
        found->damaged.push_back(found->folder + ": used although it is not finite: no other is");
        return found;
      }
    }
    if (faults_.empty()) return std::nullopt;
    throw CheckpointError(run_.path() + ": no valid checkpoint: " + faults_.front());
  }

 private:
  // Returns the step's checkpoint where it is valid and wanted; nothing where it is incomplete and,
  // with the reason in faults_, where it is damaged or not finite (not_finite_ is the first such
  // step). Throws Vanished where it was removed meanwhile, and ForeignCheckpoint (another format)
  // or FileError (it cannot be read): an older one would then be the wrong one.
  std::optional<Latest> try_step(int64_t step) {
    const std::string folder = checkpoint_folder(run_.path(), step);
    try {
      const auto manifest = verify_if_complete(run_, step);
      if (!manifest) return std::nullopt;
      if (want_ == Want::newest || manifest->finite.value_or(true)) return read(folder, *manifest);
      if (!not_finite_) not_finite_ = step;
      faults_.push_back(folder + ": its weights or its loss are not finite");
    } catch (const ForeignCheckpoint&) {
      throw;
    } catch (const CheckpointError& error) {
      faults_.emplace_back(error.what());
      if (vanished(step)) throw Vanished();
    } catch (const FileError& error) {
      if (vanished(step)) throw Vanished();
      throw FileError(std::string(error.what()) + ": nothing was changed; try again, or move " +
                          folder + " away to use an older one",
                      error.code);
    }
    return std::nullopt;
  }

  // Whether another process has removed the step's checkpoint, or its manifest, which goes first;
  // false for a link, which stays, and where that cannot be told.
  bool vanished(int64_t step) const {
    try {
      const auto entry = run_.find(checkpoint_name(step));
      return !entry || (entry->kind == FolderEntry::Kind::folder &&
                        !has_manifest(checkpoint_folder(run_.path(), step)));
    } catch (const FileError&) {
      return false;
    }
  }

  // Reads the verified checkpoint, with a line on each newer one that was passed over (faults_).
  Latest read(const std::string& folder, const Manifest& manifest) {
    Latest latest{read_parts(folder, manifest), folder, faults_};
    for (auto& line : latest.damaged) line += "; using " + folder;
    return latest;
  }

  const OpenFolder& run_;
  Want want_;
  std::vector<std::string> faults_;
  std::optional<int64_t> not_finite_;  // the newest step of them
};

}  // namespace

std::string checkpoint_folder(const std::string& run, int64_t step) {
  return run + "/" + checkpoint_name(step);
}

std::vector<int64_t> checkpoint_steps(const std::string& run) {
  std::vector<int64_t> steps = named_steps(OpenFolder(run));
  std::erase_if(steps, [&](int64_t step) { return !has_manifest(checkpoint_folder(run, step)); });
  std::reverse(steps.begin(), steps.end());
  return steps;
}

Saved save_checkpoint(const std::string& run, const Checkpoint& checkpoint, int keep) {
  const OpenFolder opened(run);
  const std::string folder = checkpoint_folder(run, checkpoint.step);
  auto manifest = already_saved(folder, checkpoint);
  if (!manifest) {
    make_room(opened, checkpoint.step);
    try {
      manifest = write_parts(folder, checkpoint);
    } catch (...) {
      remove_unfinished(opened, checkpoint.step);
      throw;
    }
  }
  try {
    return {folder, prune(opened, *manifest, keep)};
  } catch (const FileError& error) {  // the list of checkpoints could not be read
    return {folder, {error.what()}};
  }
}

Checkpoint load_checkpoint(const std::string& folder) {
  return read_parts(folder, verify_folder(folder));
}

std::optional<Latest> latest_checkpoint(const std::string& run, Want want) {
  const OpenFolder opened(run);
  for (int tries = 1;; ++tries) {
    try {
      return Search(opened, want).newest();
    } catch (const Vanished&) {
      if (tries == 100) throw CheckpointError(run + ": its checkpoints are removed while read");
    }
  }
}

}  // namespace steepest::trainer
