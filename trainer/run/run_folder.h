// SPDX-License-Identifier: Apache-2.0
// The folder of one run: made once, locked while a trainer writes to it, never overwritten.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "steepest/io/file_io.h"

namespace steepest::trainer {

struct RunError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Environment {
  std::string steepest;  // version
  std::string device;
};

// Holds config.toml (the resolved options), env.json (one entry for each start), metrics.jsonl and
// ckpt-<step>/. The lock goes with the process, however it ends. The folder may be a symbolic link;
// what is in it is written only as regular files of its own. Everything is looked at before
// anything is written; leftovers of killed writers of these files are removed.
class RunFolder {
 public:
  // Makes the folder of a new run, its parents as needed; throws RunError where one is already, or
  // something else has the name of one of its files.
  static RunFolder create(const std::string& path);
  // Opens the folder of an existing run; throws RunError where there is none, or one of its files
  // is not its own.
  static RunFolder resume(const std::string& path);

  const std::string& path() const { return path_; }
  // The path of a file in the folder.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // What the user must know, a line each, such as that the file system has no locks.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Writes the resolved options as config.toml.
  void write_config(const std::string& toml) const;
  // Adds an entry for this start to env.json: when, on what, with which versions.
  void add_environment(const Environment& environment) const;

 private:
  // Takes the lock, or throws RunError where another trainer has it.
  explicit RunFolder(const std::string& path);

  std::string path_;
  std::vector<std::string> warnings_;
  std::unique_ptr<File> lock_;
};

}  // namespace steepest::trainer
