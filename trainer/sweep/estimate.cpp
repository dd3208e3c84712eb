// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/estimate.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "steepest/io/atomic_file.h"
#include "trainer/commands/table.h"
#include "trainer/config/config.h"
#include "trainer/exit_code.h"
#include "trainer/sweep/children.h"
#include "trainer/sweep/tuning.h"

namespace steepest::trainer {
namespace {

constexpr int64_t kTimed = 10;  // steps

// A folder for short runs, gone at the end of its scope.
class TimingFolder {
 public:
  // Makes the folder, and those above it as needed.
  explicit TimingFolder(const std::string& path) : path_(path) {
    std::filesystem::create_directories(path);
  }
  // Removes it with all that is in it.
  ~TimingFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    std::filesystem::remove(folder_of(path_), ignored);  // that of the sweep, if it is empty
  }
  TimingFolder(const TimingFolder&) = delete;
  TimingFolder& operator=(const TimingFolder&) = delete;

  // The CPU seconds of a run of so many steps; throws ConfigError with the log where it fails.
  double seconds(RunSpec spec, int64_t steps) const {
    spec.steps = steps, spec.eval_every = 0, spec.schedule = {}, spec.start_from.reset();
    spec.out = path_ + "/run", spec.threads = 1;
    std::filesystem::remove_all(spec.out);
    write_file(path_ + "/run.toml", resolved_toml(spec));
    Children children;
    children.start(0, {"train", path_ + "/run.toml", "--quiet"}, path_ + "/log", false);
    for (;; ::usleep(10'000)) {
      const auto end = children.take_ended();
      if (!end) continue;
      if (end->code != kDone && end->code != kNumeric)
        throw ConfigError("a run of " + std::to_string(steps) + " steps ended with exit code " +
                          std::to_string(end->code) + ": " + read_file(end->log));
      return end->cpu_seconds;
    }
  }

 private:
  std::string path_;
};

// Any trial of a row: the first values of everything that is tuned or taken. What it reads of other
// runs is of no matter for its time.
RunSpec spec_of_row(const SweepSpec& sweep, const Arm& arm, const Settings& row) {
  Arm plain = arm;
  std::erase_if(plain.ties, [](const auto& tie) { return tie.second.starts_with("run("); });
  std::erase_if(plain.set, [](const auto& own) { return own.first.starts_with("schedule."); });
  Trial trial{Stage::tune, &plain, row, {}, 0};
  for (const auto& [name, from] : arm.take) {
    for (const auto& other : sweep.arms)
      for (const auto& axis : other.tune)
        if (other.name == from && axis.name == name)
          trial.values.emplace_back(name, axis.values.front());
  }
  // A name may be taken of an arm that has taken it itself: any number does.
  for (const auto& [name, from] : arm.take)
    if (find_setting(trial.values, name) == nullptr) trial.values.emplace_back(name, 1e-3);
  for (const auto& axis : arm.tune) trial.values.emplace_back(axis.name, axis.values.front());
  const Choices none;
  return Resolver(sweep, none).resolve(trial).spec;
}

// A number with one digit behind the point.
std::string tenths(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", number);
  return text;
}

}  // namespace

std::string estimate(const SweepSpec& spec, const std::string& only, bool tunes, bool reports) {
  const TimingFolder folder(spec.out + "/timing-" + std::to_string(::getpid()));
  std::vector<std::vector<std::string>> lines = {{"row", "tune", "report", "CPU seconds a run"}};
  size_t runs = 0;
  double seconds = 0;
  for (const auto& arm : spec.arms) {
    for (const auto& row : chosen_rows(arm, only)) {
      const size_t tuned = tunes && !arm.tune.empty() ? rows_of(arm.tune).size() : 0;
      const size_t reported = reports ? spec.seeds.size() : 0;
      const auto own = spec_of_row(spec, arm, row);
      const double start = folder.seconds(own, 2);
      const double step = std::max(0.0, folder.seconds(own, 2 + kTimed) - start) / kTimed;
      const double each = start + step * static_cast<double>(own.steps - 2);
      runs += tuned + reported;
      seconds += static_cast<double>(tuned + reported) * each;
      lines.push_back(
          {row_name(arm, row), std::to_string(tuned), std::to_string(reported), tenths(each)});
    }
  }
  return aligned(lines, /*numbers=*/1) + std::to_string(runs) + " runs, " + tenths(seconds / 60) +
         " CPU minutes\n";
}

}  // namespace steepest::trainer
