// SPDX-License-Identifier: Apache-2.0
// table.jsonl: one JSON line for each run of a sweep, appended whole.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/io/file_io.h"
#include "trainer/sweep/trial.h"

namespace steepest::trainer {

// Returns the lines of a table's text, which messages call `name`, but a last one without its line
// break, which something has cut off. Throws RunError, with the line's number, for what is none.
std::vector<SweepValue> parse_table(const std::string& text, const std::string& name);

class Table {
 public:
  // Opens the table, or makes it, and locks it; a last line that something cut off is dropped.
  // Throws RunError where another sweep has it or a line is none of a table, FileError.
  explicit Table(const std::string& path);

  // The line of this run under its arm and row; nullptr where there is none yet.
  const SweepValue* find(const Job& job) const;
  // A line of the same run, whatever arm and row it is under; nullptr where there is none.
  const SweepValue* find_run(const std::string& key) const;
  // Appends a line, durable when this returns.
  void append(const SweepValue& line);
  // All lines, in their order.
  const std::vector<SweepValue>& lines() const { return lines_; }

 private:
  std::unique_ptr<File> file_;
  std::vector<SweepValue> lines_;
};

// Says of each commit but `own` by which runs were made how many of all there are, "12 of 300 runs
// are of commit 36bb21a570b3"; a run under several names counts once.
std::vector<std::string> other_commits(const std::vector<SweepValue>& lines,
                                       const std::string& own);

// The loss by which a line is judged: its validation loss, infinite where the run has diverged or
// died.
double judged_loss(const SweepValue& line);

// A copy of the line of the same run, under the arm, row and stage of this job.
SweepValue relabelled(const SweepValue& line, const Trial& trial);

}  // namespace steepest::trainer
