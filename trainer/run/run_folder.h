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
  int64_t processes = 1;  // that share the steps
};

// Holds config.toml (the resolved options), env.json (one entry for each start), metrics.jsonl and
// ckpt-<step>/. The lock goes with the process, however it ends. The folder may be a symbolic link;
// what is in it is written only as regular files of its own. Everything is looked at before
// anything is written; leftovers of killed writers of these files are removed.
class RunFolder {
 public:
  // Makes the folder of a new run, its parents as needed, and locks it; throws RunError where it
  // holds a run already, something else has the name of one of a run's files, or another trainer
  // has the lock.
  static RunFolder create(const std::string& path);
  // Opens and locks the folder of an existing run; throws RunError where there is none, one of its
  // files is a link or no regular file, or another trainer has the lock.
  static RunFolder resume(const std::string& path);

  const std::string& path() const { return path_; }
  // The path of a file in the folder.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  // What the user must know, a line each, such as that the file system has no locks.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Writes the resolved options as config.toml, in the place of an earlier one; throws FileError.
  void write_config(const std::string& toml) const;
  // Adds an entry for this start to env.json: when, on what, with which versions. Throws RunError
  // where the file is not a run's.
  void add_environment(const Environment& environment) const;

 private:
  // Takes the lock, or throws RunError where another trainer has it. On a file system that has no
  // locks it goes on without, and says so in warnings().
  explicit RunFolder(const std::string& path);

  std::string path_;
  std::vector<std::string> warnings_;
  std::unique_ptr<File> lock_;
};

}  // namespace steepest::trainer
