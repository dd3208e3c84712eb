// SPDX-License-Identifier: Apache-2.0
// The runs of a sweep, one process a core, each a line of the table when it has ended.
#pragma once

#include <vector>

#include "trainer/sweep/children.h"
#include "trainer/sweep/table.h"

namespace steepest::trainer {

class Runner {
 public:
  // Keeps references to sweep and table; `jobs` processes at once.
  Runner(const SweepSpec& spec, Table& table, int64_t jobs)
      : spec_(spec), table_(table), jobs_(static_cast<size_t>(jobs)) {}

  // Runs all that the table has no line of, in their order, and tells each on stderr. Returns 0,
  // or the signal that has ended it before: the processes have then saved, and the same call goes
  // on. Throws ConfigError where a run reads another one that has not been made.
  int run(const std::vector<Job>& jobs);

 private:
  // Which of the jobs have to be run: those without a line. A run that is there under another name,
  // or whose reading is in vain, gets its line at once.
  std::vector<size_t> pending(const std::vector<Job>& jobs);
  // Starts a run, or goes on with what an earlier start has left of it.
  void start(const Job& job, size_t id);
  // Records every process that has ended since; of one that has no line yet the CPU seconds.
  void record_ended(const std::vector<Job>& jobs);
  // Keeps the CPU seconds of the runs that are under way, for whoever goes on with them.
  void keep_seconds(const std::vector<Job>& jobs);
  // Appends the line of a run whose process has ended.
  void record(const Job& job, const ChildEnd& end);
  // Appends a line and tells it.
  void append(const Job& job, const SweepValue& line);

  const SweepSpec& spec_;
  Table& table_;
  size_t jobs_;
  Children children_;
  size_t done_ = 0, count_ = 0;  // of this call's runs
};

}  // namespace steepest::trainer
