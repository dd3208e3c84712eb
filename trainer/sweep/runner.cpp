// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/runner.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <set>

#include "steepest/base/text.h"
#include "steepest/io/atomic_file.h"
#include "trainer/config/config.h"
#include "trainer/exit_code.h"
#include "trainer/run/checkpoint_folder.h"
#include "trainer/run/signals.h"
#include "trainer/sweep/outcome.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

constexpr useconds_t kPause = 20'000;  // microseconds between two looks at the processes
constexpr int kKeep = 250;             // looks after which their CPU seconds are kept again

// What a line has come to, for people: "2.0541, 5.5 s" or "diverged".
std::string outcome_text(const SweepValue& line) {
  const double loss = judged_loss(line);
  const auto status = line["status"].get<std::string>();
  if (!std::isfinite(loss))
    return status + (line.contains("error") ? ": " + line["error"].get<std::string>() : "");
  char text[64];
  std::snprintf(text, sizeof text, "%.4f, %.1f CPU seconds", loss,
                line.value("cpu_seconds", std::nan("")));
  return text;
}

// Removes the checkpoints of a run that has its line, as no other run begins with them. What cannot
// be removed stays.
void remove_checkpoints(const std::string& folder) {
  try {
    const OpenFolder run(folder);
    for (const int64_t step : named_steps(run)) remove_checkpoint(run, step);
  } catch (const FileError& error) {
    std::cerr << one_line(error.what()) << std::endl;
  }
}

// The file beside a run's folder that has the CPU seconds of its starts so far.
std::string seconds_file(const Job& job) { return job.folder + ".cpu"; }

// The CPU seconds that this file has; 0 where there is none, or it is damaged.
double kept_seconds(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return 0;
  const double seconds = read_number(read_file(path)).value_or(0);
  return std::isfinite(seconds) && seconds > 0 ? seconds : 0;
}

}  // namespace

void Runner::append(const Job& job, const SweepValue& line) {
  table_.append(line);
  ++done_;
  std::cerr << "[" << done_ << "/" << count_ << "] " << one_line(trial_name(job.trial)) << ": "
            << one_line(outcome_text(line)) << std::endl;
}

std::vector<size_t> Runner::pending(const std::vector<Job>& jobs) {
  std::vector<size_t> ids;
  std::set<std::string> keys;
  for (const auto& job : jobs) count_ += table_.find(job) == nullptr;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const Job& job = jobs[i];
    if (table_.find(job) != nullptr) continue;
    if (const auto* line = table_.find_run(job.key)) {
      append(job, relabelled(*line, job.trial));
      continue;
    }
    const auto* read = job.reads.empty() ? nullptr : table_.find_run(job.reads);
    if (!job.reads.empty() && read == nullptr)
      throw ConfigError(trial_name(job.trial) + ": the run that it reads has not been made");
    if (read != nullptr && (*read)["status"] != "done")
      append(job, line_without_run(job, "the run that it reads has not ended well"));
    else if (keys.insert(job.key).second)
      ids.push_back(i);
  }
  return ids;
}

void Runner::start(const Job& job, size_t id) {
  const std::string beside = job.folder;
  std::error_code ignored;
  std::filesystem::create_directories(folder_of(beside), ignored);
  const bool begun = ::access((job.folder + "/config.toml").c_str(), F_OK) == 0;
  if (!begun) write_file(beside + ".toml", resolved_toml(job.spec));
  const auto words = begun ? std::vector<std::string>{"train", "--resume", job.folder, "--quiet"}
                           : std::vector<std::string>{"train", beside + ".toml", "--quiet"};
  const auto earlier = begun ? std::optional(kept_seconds(seconds_file(job))) : std::nullopt;
  children_.start(id, words, beside + ".log", earlier);
}

void Runner::record(const Job& job, const ChildEnd& end) {
  append(job, line_of(job, end, spec_.reach));
  if (end.code == kDone || end.code == kNumeric)
    ::unlink(seconds_file(job).c_str());
  else  // whoever takes its line out of the table goes on with the run
    write_file(seconds_file(job), print_number(end.cpu_seconds));
  if (!spec_.keep_checkpoints && end.code == kDone) remove_checkpoints(job.folder);
}

// A terminal signals the processes as well, and these may be sooner. One that was asked to stop, or
// was killed by that before it could listen, gets no line.
void Runner::record_ended(const std::vector<Job>& jobs) {
  while (const auto end = children_.take_ended()) {
    const Job& job = jobs[end->id];
    const bool by_itself = end->code == kDone || end->code == kNumeric;
    if (by_itself || StopSignals::received() == 0)
      record(job, *end);
    else
      write_file(seconds_file(job), print_number(end->cpu_seconds));
  }
}

void Runner::keep_seconds(const std::vector<Job>& jobs) {
  for (const auto& [id, seconds] : children_.cpu_seconds())
    write_file(seconds_file(jobs[id]), print_number(seconds));
}

int Runner::run(const std::vector<Job>& jobs) {
  const StopSignals signals;
  done_ = count_ = 0;
  const auto ids = pending(jobs);
  bool asked = false;
  int looks = 0;
  for (size_t next = 0; next < ids.size() || children_.running() > 0;) {
    const int signal = StopSignals::received();
    if (signal != 0 && !asked) children_.ask_to_end(), asked = true;
    if (signal != 0 && children_.running() == 0) return signal;
    while (signal == 0 && next < ids.size() && children_.running() < jobs_) {
      start(jobs[ids[next]], ids[next]);
      ++next;
    }
    record_ended(jobs);
    if (++looks % kKeep == 0) keep_seconds(jobs);
    ::usleep(kPause);
  }
  pending(jobs);  // the same runs under other names
  return StopSignals::received();
}

}  // namespace steepest::trainer
