// SPDX-License-Identifier: Apache-2.0
// The folder of one run: made once, locked while a trainer writes to it, never overwritten.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "steepest/file_io.h"

namespace steepest::trainer {

struct RunError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Environment {
  std::string steepest;  // version
  std::string device;
};

// Holds config.toml (the resolved options), env.json (one entry for each start), metrics.jsonl and
// ckpt-<step>/. The lock goes with the process, however it ends.
class RunFolder {
 public:
  // A new run, its parents made as needed; throws RunError where one is already.
  static RunFolder create(const std::string& path);
  // An existing run; throws RunError where there is none. Leftovers of killed writers are removed.
  static RunFolder resume(const std::string& path);

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  void write_config(const std::string& toml) const;
  void add_environment(const Environment& environment) const;

 private:
  explicit RunFolder(const std::string& path);  // takes the lock

  std::string path_;
  std::unique_ptr<File> lock_;
};

}  // namespace steepest::trainer
