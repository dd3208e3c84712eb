// SPDX-License-Identifier: Apache-2.0
// The processes of a sweep: each is this program, training one run on one thread.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steepest::trainer {

// How a run's process has ended.
struct ChildEnd {
  size_t id = 0;
  int code = 0;            // the exit code; below 0: the number of the signal that killed it
  double cpu_seconds = 0;  // of all its starts, as far as they are known
  bool resumed = false;    // whether it went on with what an earlier start had left
  std::string log;         // all that it has printed
};

class Children {
 public:
  // Starts this program with the arguments, its output into the file `log`. `earlier` are the CPU
  // seconds of the run's earlier starts; nothing where it has had none. The process ends with this
  // one, however that ends. Throws FileError where it cannot be started.
  void start(size_t id, const std::vector<std::string>& arguments, const std::string& log,
             std::optional<double> earlier);
  // Returns one that has ended since; nothing where none has.
  std::optional<ChildEnd> take_ended();
  // Asks all of them to end in order: they finish their step and save.
  void ask_to_end() const;
  // The number of each that is running, with the CPU seconds of all its starts so far.
  std::vector<std::pair<size_t, double>> cpu_seconds() const;
  // How many are running.
  size_t running() const { return children_.size(); }

 private:
  std::map<pid_t, ChildEnd> children_;  // as they will have ended
};

}  // namespace steepest::trainer
