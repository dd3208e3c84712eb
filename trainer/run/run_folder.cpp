// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/run_folder.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <torch/version.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "steepest/io/atomic_file.h"
#include "steepest/io/open_folder.h"
#include "trainer/run/bounded_json.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kConfig[] = "config.toml", kMetrics[] = "metrics.jsonl", kEnvironment[] = "env.json",
               kLock[] = ".lock";

// The name of a file that shows that the folder holds a run; "" where none does.
std::string trace_of_run(const OpenFolder& folder) {
  for (const auto& name : folder.names()) {
    if (name == kConfig || name == kMetrics || name.starts_with("ckpt-")) return name;
  }
  return "";
}

// Throws RunError where the name stands for anything but a regular file: a run never writes through
// a link, nor to what another may read from at the same time (a pipe).
void require_regular(const OpenFolder& folder, const std::string& name) {
  const auto entry = folder.find(name);
  if (!entry || entry->kind == FolderEntry::Kind::file) return;
  throw RunError(folder / name + ": " + entry->text() +
                 ", allowed a regular file in the run's own folder");
}

// Whether an entry of env.json is one that the trainer wrote at a start.
bool is_start_entry(const Json& entry) {
  return entry.is_object() && entry.contains("started") && entry["started"].is_string() &&
         entry.contains("steepest") && entry["steepest"].is_string();
}

// The entries of env.json, one for each start of the run; none where there is no such file. Throws
// RunError where its content is not a run's.
Json read_starts(const OpenFolder& folder) {
  if (!folder.find(kEnvironment)) return Json::array();
  require_regular(folder, kEnvironment);
  const std::string path = folder / kEnvironment;
  auto starts = parse_bounded(read_file(path), 3);
  if (!starts || !starts->is_array()) throw RunError(path + ": not a list of starts");
  for (const auto& entry : *starts) {
    if (!is_start_entry(entry)) throw RunError(path + ": not a list of starts of a run");
  }
  return std::move(*starts);
}

// Throws RunError where the folder holds a run already, or something else under the name of one of
// its files.
void require_no_run(const OpenFolder& folder) {
  const std::string trace = trace_of_run(folder);
  if (!trace.empty()) {
    throw RunError(folder.path() + ": already holds a run (" + trace +
                   "): resume it, or give another folder");
  }
  if (folder.find(kEnvironment)) {
    throw RunError(
        folder / kEnvironment +
        ": not of a run (there is no config.toml): move it away, or give another folder");
  }
  require_regular(folder, kLock);
}

// Throws RunError unless the folder holds a run: a config.toml, which like metrics and lock must be
// a regular file, and no env.json but a run's.
void require_run(const OpenFolder& folder) {
  if (!folder.find(kConfig)) {
    throw RunError(folder.path() + ": no run to resume (no config.toml)");
  }
  for (const char* name : {kConfig, kMetrics, kLock}) require_regular(folder, name);
  read_starts(folder);
}

// Removes the temporary files that killed writers of the run's files have left in its folder.
void remove_all_leftovers(const std::string& path) {
  for (const char* name : {kConfig, kMetrics, kEnvironment}) {
    remove_leftovers(path + "/" + name);
  }
}

// Opens the lock file, and makes it where there is none; for reading only where writing is not
// allowed, as a lock can be had without it. Throws FileError where neither can be done.
std::unique_ptr<File> open_lock(const std::string& path) {
  try {
    return std::make_unique<File>(path, O_RDWR | O_CREAT | O_NOFOLLOW);
  } catch (const FileError& error) {
    if (error.code != EACCES && error.code != EPERM && error.code != EROFS) throw;
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) throw;  // it was to be made
    return std::make_unique<File>(path, O_RDONLY | O_NOFOLLOW);
  }
}

// Whether the text may be the number of a process, up to 10 digits.
bool is_process_number(const std::string& text) {
  return !text.empty() && text.size() <= 10 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

// The content of the lock file, the number of the process that holds it.
std::string read_owner(File& lock) {
  char text[32] = {};
  return {text, lock.read_some(text, sizeof text)};
}

// Writes this process's number into the lock file, for whoever is refused. Does nothing where the
// file cannot be written, has other names (hard links), or holds what the trainer did not write.
void write_owner(File& lock) {
  struct stat info {};
  system_call("examine", lock.name(), [&] { return ::fstat(lock.descriptor(), &info); });
  const std::string old = read_owner(lock);
  const bool ours = old.empty() || is_process_number(old) ||
                    old.find_first_not_of('\0') == std::string::npos;  // after a power failure
  const bool writable = (::fcntl(lock.descriptor(), F_GETFL) & O_ACCMODE) == O_RDWR;
  if (!ours || !writable || info.st_nlink != 1) return;
  const std::string owner = std::to_string(::getpid());
  system_call("write", lock.name(), [&] { return ::ftruncate(lock.descriptor(), 0); });
  system_call("write", lock.name(), [&] { return ::lseek(lock.descriptor(), 0, SEEK_SET); });
  lock.write_all(owner.data(), owner.size());
}

// Whether the errno of flock says that there are no locks. Network file systems have none at all,
// none without a server for them, or none on what is read only.
bool means_no_locks(int error) {
  return error == ENOSYS || error == ENOLCK || error == EOPNOTSUPP || error == EINVAL ||
         error == EBADF;
}

// The present time in UTC as "2025-01-31T12:00:00Z".
std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

RunFolder::RunFolder(const std::string& path) : path_(path), lock_(open_lock(path + "/" + kLock)) {
  // flock, because the kernel gives it back when the process ends, even by SIGKILL.
  try {
    system_call("lock", lock_->name(),
                [&] { return ::flock(lock_->descriptor(), LOCK_EX | LOCK_NB); });
  } catch (const FileError& error) {
    if (error.code == EWOULDBLOCK) {
      const std::string owner = read_owner(*lock_);
      throw RunError(path + ": another trainer is writing to it" +
                     (is_process_number(owner) ? " (process " + owner + ")" : ""));
    }
    if (!means_no_locks(error.code)) throw;
    warnings_.push_back(std::string(error.what()) +
                        ": going on without; start no second trainer in this folder");
  }
}

RunFolder RunFolder::create(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw RunError(path + ": cannot create: " + error.message());
  const OpenFolder opened(path);
  require_regular(opened, kLock);
  if (!opened.find(kLock))
    require_no_run(opened);  // else the lock would be a file in another's folder
  RunFolder folder(path);
  require_no_run(opened);  // now that nobody else is starting
  write_owner(*folder.lock_);
  remove_all_leftovers(path);
  return folder;
}

RunFolder RunFolder::resume(const std::string& path) {
  try {
    require_run(OpenFolder(path));
  } catch (const FileError& error) {
    if (error.code != ENOENT && error.code != ENOTDIR) throw;
    throw RunError(path + ": no run to resume (no config.toml)");
  }
  RunFolder folder(path);
  write_owner(*folder.lock_);
  remove_all_leftovers(path);
  return folder;
}

void RunFolder::write_config(const std::string& toml) const {
  write_file(*this / kConfig, toml, Links::refuse);
}

void RunFolder::add_environment(const Environment& environment) const {
  Json starts = read_starts(OpenFolder(path_));
  starts.push_back({{"started", utc_now()},
                    {"steepest", environment.steepest},
                    {"torch", TORCH_VERSION},
                    {"device", environment.device},
                    {"threads", at::get_num_threads()},
                    {"cpu", at::get_cpu_capability()}});
  if (environment.processes > 1) starts.back()["processes"] = environment.processes;
  write_file(*this / kEnvironment, starts.dump(2) + "\n", Links::refuse);
}

}  // namespace steepest::trainer
