// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/outcome.h"

#include <torch/version.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "steepest/io/file_io.h"
#include "trainer/exit_code.h"
#include "trainer/run/bounded_json.h"
#include "trainer/run/read_metrics.h"
#include "trainer/text.h"
#include "trainer/version.h"

namespace steepest::trainer {
namespace {

constexpr int64_t kPoints = 50;  // of a curve

// What the metrics of a run tell.
struct Curves {
  std::vector<double> losses, duals, shares;       // of each step: loss, D, q
  std::vector<std::array<double, 3>> validations;  // loss, step, seconds
  double optimizer_seconds = 0, seconds = 0;
  int64_t refused = 0;
};

// The number under this name; NaN where there is none.
double number_in(const SweepValue& line, const char* name) {
  return line.contains(name) && line[name].is_number() ? line[name].get<double>() : std::nan("");
}

// The curves in the folder of a run; empty ones where it has written no metrics.
Curves read_curves(const std::string& folder) {
  Curves curves;
  try {
    for_each_metrics_line(folder, [&](const SweepValue& line) {
      if (line.contains("val_loss")) {
        curves.validations.push_back(
            {number_in(line, "val_loss"), number_in(line, "step"), number_in(line, "seconds")});
        return;
      }
      curves.losses.push_back(number_in(line, "loss"));
      curves.duals.push_back(number_in(line, "D"));
      curves.shares.push_back(number_in(line, "q"));
      curves.seconds = number_in(line, "seconds");
      curves.optimizer_seconds = number_in(line, "optimizer_seconds");
      curves.refused += line.contains("refused");
    });
  } catch (const FileError&) {  // it died before its first step
  }
  return curves;
}

// The share of the steps with a q that have one below 1; null where none has.
SweepValue share_below_one(const std::vector<double>& shares) {
  int64_t all = 0, below = 0;
  for (const double q : shares) all += !std::isnan(q), below += q < 1;
  if (all == 0) return {};
  return static_cast<double>(below) / static_cast<double>(all);
}

// The step and the second at which the validation loss first was at most each of `reach`; null
// where it never was.
SweepValue reached(const Curves& curves, const std::vector<double>& reach) {
  SweepValue list = SweepValue::array();
  for (const double loss : reach) {
    const auto first = std::find_if(curves.validations.begin(), curves.validations.end(),
                                    [&](const auto& v) { return v[0] <= loss; });
    const bool ever = first != curves.validations.end();
    list.push_back({loss, ever ? SweepValue((*first)[1]) : SweepValue(),
                    ever ? SweepValue((*first)[2]) : SweepValue()});
  }
  return list;
}

// The result that the run has printed into its log; nothing where it has printed none.
std::optional<SweepValue> printed_result(const std::string& log) {
  std::ifstream file(log);
  std::optional<SweepValue> result;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("{\"run\"")) result = parse_bounded(line, 4);
  return result;
}

// The last line of the log; "" where it has none.
std::string last_line(const std::string& log) {
  std::ifstream file(log);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) last = line;
  return one_line(last, 500);
}

// The processor's name, as the system tells it.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown";
}

// A line with what names the run, and its status.
SweepValue beginning(const Job& job, const std::string& status) {
  return {{"key", job.key},
          {"stage", stage_name(job.trial.stage)},
          {"arm", job.trial.arm->name},
          {"row", json_of(job.trial.row)},
          {"values", json_of(job.trial.values)},
          {"seed", job.trial.seed},
          {"status", status}};
}

// Adds the losses and the curves, as far as the run has come.
void add_losses(SweepValue& line, const Curves& curves, const std::optional<SweepValue>& result) {
  const auto curve = thinned(curves.losses, kPoints);
  line["steps"] = curves.losses.size();
  line["first_loss"] = curves.losses.empty() ? std::nan("") : curves.losses.front();
  line["train_loss"] = curve.empty() ? SweepValue() : curve.back()[1];
  for (const char* name : {"val_loss", "val_accuracy", "hellaswag"})
    if (result && result->contains(name)) line[name] = (*result)[name];
  line["curve"] = curve;
  if (const auto duals = thinned(curves.duals, kPoints); !duals.empty()) line["D"] = duals;
}

// Adds what the run took, and with what it was made.
void add_costs(SweepValue& line, const Curves& curves, const ChildEnd& end) {
  line["seconds"] = curves.seconds, line["cpu_seconds"] = end.cpu_seconds;
  line["resumed"] = end.resumed;  // then the CPU seconds are those of all starts
  line["optimizer_share"] = curves.optimizer_seconds / curves.seconds;
  line["q_below_1"] = share_below_one(curves.shares);
  line["skipped"] = curves.refused;
  line["versions"] = {{"steepest", kVersion}, {"torch", TORCH_VERSION}};
  line["commit"] = kCommit, line["processor"] = processor_name();
}

// Whether the run has ended above where it began, or nowhere.
bool is_above_start(const SweepValue& line) {
  const double last = number_in(line, "val_loss"), first = number_in(line, "first_loss");
  return !std::isfinite(last) || last > first;
}

}  // namespace

SweepValue thinned(const std::vector<double>& numbers, int64_t points) {
  SweepValue list = SweepValue::array();
  const auto count = static_cast<int64_t>(numbers.size());
  const int64_t stretches = std::min(points, count);
  for (int64_t i = 0; i < stretches; ++i) {
    const int64_t end = (i + 1) * count / stretches;
    double sum = 0, known = 0;
    for (int64_t k = i * count / stretches; k < end; ++k)
      if (!std::isnan(numbers[k])) sum += numbers[k], ++known;
    if (known > 0) list.push_back({end, sum / known});
  }
  return list;
}

SweepValue line_of(const Job& job, const ChildEnd& end, const std::vector<double>& reach) {
  const auto curves = read_curves(job.folder);
  const auto result = printed_result(end.log);
  auto line = beginning(job, "failed");
  add_losses(line, curves, result);
  if (end.code == kNumeric || (end.code == kDone && is_above_start(line)))
    line["status"] = "diverged";
  else if (end.code == kDone)
    line["status"] = "done";
  else
    line["error"] =
        end.code < 0 ? "killed by signal " + std::to_string(-end.code) : last_line(end.log);
  line["reached"] = reached(curves, reach);
  add_costs(line, curves, end);
  return line;
}

SweepValue line_without_run(const Job& job, const std::string& error) {
  auto line = beginning(job, "failed");
  line["error"] = error;
  return line;
}

}  // namespace steepest::trainer
