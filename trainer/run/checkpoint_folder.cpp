// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/checkpoint_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "steepest/base/text.h"
#include "steepest/io/atomic_file.h"
#include "trainer/run/manifest.h"

namespace steepest::trainer {
namespace {

const std::string kPrefix = "ckpt-";

// The step of "ckpt-12"; nothing for any other name ("ckpt-012" and "ckpt-12.old" are not ours).
std::optional<int64_t> step_of(const std::string& name) {
  int64_t step = 0;
  const char* begin = name.data() + std::min(name.size(), kPrefix.size());
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), step);
  if (error != std::errc() || step < 0 || name != checkpoint_name(step)) return std::nullopt;
  return step;
}

// Whether the trainer gives this name to a checkpoint's file, or to a temporary of one.
bool is_own_name(const std::string& name) {
  const auto matches = [&](const char* own) { return name == own || is_temporary_of(name, own); };
  return matches(kManifest) || std::any_of(std::begin(kParts), std::end(kParts), matches);
}

// Throws FileError unless the entry of this name is a folder of the trainer's in the run itself.
void require_folder(const OpenFolder& run, const std::string& name, const FolderEntry& entry) {
  if (entry.is(FolderEntry::Kind::folder)) return;
  throw FileError(run / name + ": left as it is: " + entry.text() +
                  ", not a checkpoint that the trainer wrote");
}

// Throws FileError, of code 0, for a file in the checkpoint's folder that another program made.
[[noreturn]] void refuse_foreign(const OpenFolder& folder, const std::string& name) {
  throw FileError(folder.path() + ": left in place: " + in_quotes(name) + " is not the trainer's");
}

}  // namespace

std::string checkpoint_name(int64_t step) { return kPrefix + std::to_string(step); }

std::vector<int64_t> named_steps(const OpenFolder& run) {
  std::vector<int64_t> steps;
  for (const auto& name : run.names()) {
    if (const auto step = step_of(name)) steps.push_back(*step);
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

bool has_manifest(const std::string& folder) {
  const std::string path = folder + "/" + kManifest;
  struct stat info {};
  bool there = true;
  system_call("examine", path, [&] {
    const int result = ::stat(path.c_str(), &info);
    there = result == 0;
    return result != 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) ? 0 : result;
  });
  return there;
}

// The manifest goes first: from then on the folder is a leftover, whatever stops the rest.
void remove_checkpoint(const OpenFolder& run, int64_t step) {
  const std::string name = checkpoint_name(step);
  const auto entry = run.find(name);
  if (!entry) return;
  require_folder(run, name, *entry);
  const OpenFolder folder(run, name);
  if (const auto manifest = folder.find(kManifest)) {
    if (!manifest->is(FolderEntry::Kind::file)) refuse_foreign(folder, kManifest);
    folder.remove_file(kManifest);
    folder.sync();
  }
  std::string foreign;
  for (const auto& file : folder.names()) {
    const auto found = folder.find(file);
    if (found && is_own_name(file) && found->is(FolderEntry::Kind::file)) {
      folder.remove_file(file);
    } else if (found && foreign.empty()) {
      foreign = file;
    }
  }
  if (!foreign.empty()) refuse_foreign(folder, foreign);
  run.remove_folder(name);
}

void make_checkpoint_folder(const OpenFolder& run, int64_t step) {
  const std::string name = checkpoint_name(step);
  const auto entry = run.find(name);
  if (!entry) return run.make_folder(name);
  require_folder(run, name, *entry);
  const OpenFolder folder(run, name);
  for (const auto& file : folder.names()) {
    if (is_own_name(file)) refuse_foreign(folder, file);
  }
}

}  // namespace steepest::trainer
