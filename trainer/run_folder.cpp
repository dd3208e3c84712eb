// SPDX-License-Identifier: Apache-2.0
#include "trainer/run_folder.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fcntl.h>
#include <sys/file.h>
#include <torch/version.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "steepest/atomic_file.h"

namespace steepest::trainer {
namespace {

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

// What shows that a folder holds a run; "" when nothing does.
std::string trace_of_run(const std::string& folder) {
  for (const auto& name : names_in(folder)) {
    if (name == "config.toml" || name == "metrics.jsonl" || name.starts_with("ckpt-")) return name;
  }
  return "";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void remove_leftovers(const std::string& folder) {
  for (const auto& name : names_in(folder)) {
    if (name.find(".tmp-") != std::string::npos) remove_file(folder + "/" + name);
  }
}

}  // namespace

RunFolder::RunFolder(const std::string& path)
    : path_(path), lock_(std::make_unique<File>(path + "/.lock", O_RDWR | O_CREAT)) {
  // flock, because the kernel gives it back when the process ends, even by SIGKILL.
  if (::flock(lock_->descriptor(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) system_call("lock", path, [] { return -1; });
    char owner[32] = {};
    const auto length = lock_->read_some(owner, sizeof owner - 1);
    throw RunError(path + ": another trainer is writing to it (process " +
                   std::string(owner, length) + ")");
  }
  const std::string owner = std::to_string(::getpid());
  system_call("write", path, [&] { return ::ftruncate(lock_->descriptor(), 0); });
  lock_->write_all(owner.data(), owner.size());
}

RunFolder RunFolder::create(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw RunError(path + ": cannot create: " + error.message());
  RunFolder folder(path);
  const std::string trace = trace_of_run(path);
  if (!trace.empty()) {
    throw RunError(path + ": already holds a run (" + trace +
                   "): resume it, or give another folder");
  }
  return folder;
}

RunFolder RunFolder::resume(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path + "/config.toml", ignored)) {
    throw RunError(path + ": no run to resume (no config.toml)");
  }
  RunFolder folder(path);
  remove_leftovers(path);
  return folder;
}

void RunFolder::write_config(const std::string& toml) const {
  write_file(*this / "config.toml", toml);
}

void RunFolder::add_environment(const Environment& environment) const {
  const std::string path = *this / "env.json";
  auto starts = nlohmann::ordered_json::array();
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    starts = nlohmann::ordered_json::parse(read_file(path), nullptr, false);
    if (!starts.is_array()) throw RunError(path + ": not a list of starts");
  }
  starts.push_back({{"started", utc_now()},
                    {"steepest", environment.steepest},
                    {"torch", TORCH_VERSION},
                    {"device", environment.device},
                    {"threads", at::get_num_threads()},
                    {"cpu", at::get_cpu_capability()}});
  write_file(path, starts.dump(2) + "\n");
}

}  // namespace steepest::trainer
