// SPDX-License-Identifier: Apache-2.0
// The processes of a sweep: each is this program, training one run on one thread.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace steepest::trainer {

// How a run's process has ended.
struct ChildEnd {
  size_t id = 0;
  int code = 0;            // the exit code; below 0: the number of the signal that killed it
  double cpu_seconds = 0;  // of this start
  bool resumed = false;    // whether it went on with what an earlier start had left
  std::string log;         // all that it has printed
};

class Children {
 public:
  // Starts this program with the arguments, its output into the file `log`. The process ends with
  // this one, however that ends. Throws FileError where it cannot be started.
  void start(size_t id, const std::vector<std::string>& arguments, const std::string& log,
             bool resumed);
  // Returns one that has ended since; nothing where none has.
  std::optional<ChildEnd> take_ended();
  // Asks all of them to end in order: they finish their step and save.
  void ask_to_end() const;
  // How many are running.
  size_t running() const { return children_.size(); }

 private:
  std::map<pid_t, ChildEnd> children_;  // as they will have ended
};

}  // namespace steepest::trainer
