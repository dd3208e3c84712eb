// SPDX-License-Identifier: Apache-2.0
// steepest sweep FILE.toml [--jobs N] [--stage tune|report] [--only GLOB] [--dry-run]
#include <sched.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "steepest/base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/commands/table.h"
#include "trainer/config/config.h"
#include "trainer/exit_code.h"
#include "trainer/run/output.h"
#include "trainer/run/run_folder.h"
#include "trainer/sweep/estimate.h"
#include "trainer/sweep/read_sweep.h"
#include "trainer/sweep/tuning.h"
#include "trainer/text.h"
#include "trainer/version.h"

namespace steepest::trainer {
namespace {

struct Options {
  std::string file, stage, only = "*";
  std::vector<std::string> set;
  int64_t jobs = 0;
  bool dry_run = false;
};

// How many processors this process may use.
int64_t processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return std::max(1, CPU_COUNT(&allowed));
}

// The number as the summary shows it; "diverged" for infinity.
std::string loss_text(double loss) {
  if (!std::isfinite(loss)) return "diverged";
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", loss);
  return text;
}

// A row's chosen values for people, "ratio=0.1 optimizer.lr=0.03".
std::string values_text(const Settings& values) {
  std::vector<std::string> words;
  for (const auto& [name, value] : values) words.push_back(name + "=" + override_text(value));
  return join(words, " ");
}

// The choices as a table, a line a row.
std::string choices_text(const Choices& choices) {
  std::vector<std::vector<std::string>> lines = {{"row", "choice", "at an end", "trials", "loss"}};
  for (const auto& choice : choices.all()) {
    Arm named;
    named.name = choice.arm;
    lines.push_back({row_name(named, choice.row), values_text(choice.values), join(choice.edges),
                     std::to_string(choice.trials), loss_text(choice.val_loss)});
  }
  return lines.size() == 1 ? "" : aligned(lines, /*numbers=*/3);
}

// The reported runs, as far as they have their lines, as a table: each row's mean loss over its
// seeds and their deviation. One that has diverged makes the mean infinite.
std::string report_text(const Table& table, const std::vector<Job>& reported) {
  std::map<std::string, std::vector<double>> rows;
  std::vector<std::string> order;
  for (const auto& job : reported) {
    const auto* line = table.find(job);
    if (line == nullptr) continue;
    const auto name = row_name(*job.trial.arm, job.trial.row);
    if (!rows.contains(name)) order.push_back(name);
    rows[name].push_back(judged_loss(*line));
  }
  std::vector<std::vector<std::string>> lines = {{"row", "seeds", "mean loss", "deviation"}};
  for (const auto& name : order) {
    double sum = 0, squares = 0;
    for (const double loss : rows[name]) sum += loss;
    const auto count = static_cast<double>(rows[name].size());
    for (const double loss : rows[name]) squares += std::pow(loss - sum / count, 2);
    const bool known = count > 1 && std::isfinite(sum);
    lines.push_back({name, std::to_string(rows[name].size()), loss_text(sum / count),
                     known ? loss_text(std::sqrt(squares / (count - 1))) : "-"});
  }
  return lines.size() == 1 ? "" : aligned(lines, /*numbers=*/1);
}

// Does the stages that are asked for; returns the exit code.
int run_stages(const Options& o, const SweepSpec& spec, bool tunes, bool reports) {
  std::error_code error;
  std::filesystem::create_directories(spec.out, error);
  if (error) throw RunError(spec.out + ": cannot create: " + error.message());
  Table table(spec.out + "/table.jsonl");
  for (const auto& said : other_commits(table.lines(), kCommit))
    std::cerr << one_line(spec.out + "/table.jsonl: " + said + ", this is " + kCommit) << std::endl;
  const std::string path = spec.out + "/choice.json";
  auto choices = Choices::load(path);
  Runner runner(spec, table, o.jobs > 0 ? o.jobs : processors());
  const int tuned = tunes ? tune(spec, o.only, runner, table, choices, path) : 0;
  std::vector<Job> reported;
  const bool goes_on = tuned == 0 && reports;
  const int signal = goes_on ? report(spec, o.only, runner, choices, reported) : tuned;
  print_out(choices_text(choices) + report_text(table, reported));
  return signal == 0 ? kDone : kSignal + signal;
}

// Throws ConfigError where no row's name matches --only, with the first name as an example.
void require_rows(const SweepSpec& spec, const std::string& only) {
  for (const auto& arm : spec.arms)
    if (!chosen_rows(arm, only).empty()) return;
  const Arm& first = spec.arms.front();
  throw ConfigError("--only: received " + in_quotes(only) + ", allowed a glob that matches rows: " +
                    row_name(first, rows_of(first.axes).front()) + ", ..");
}

// Does what the options of `steepest sweep` say; returns the exit code.
int sweep(const Options& o) {
  auto spec = load_sweep(o.file);
  spec.overrides = o.set;
  require_rows(spec, o.only);
  const bool tunes = o.stage != "report", reports = o.stage != "tune";
  if (!o.dry_run) return run_stages(o, spec, tunes, reports);
  print_out(estimate(spec, o.only, tunes, reports));
  return kDone;
}

}  // namespace

// Adds `steepest sweep`, which tunes and reports what a file says; its callback sets `exit_code`.
void add_sweep(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto* command = app.add_subcommand("sweep", "Tune and compare many runs as a file says");
  command->add_option("file", o->file, "TOML file of the sweep")->required();
  command->add_option("--jobs", o->jobs, "Processes at once; 0: one a core")
      ->check(whole_number(0, 4096));
  command
      ->add_option("--stage", o->stage,
                   "tune chooses by seed 0, report runs the seeds; default: both")
      ->check(CLI::IsMember({"tune", "report"}));
  command->add_option("--only", o->only, "Rows whose names match: 'reg/*'")->type_name("GLOB");
  command
      ->add_option("--set", o->set, "Override a key of the base: --set data.path=.. (repeatable)")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  command->add_flag("--dry-run", o->dry_run, "Count the runs and time 10 steps of each row");
  command->callback([o, &exit_code] { exit_code = sweep(*o); });
}

}  // namespace steepest::trainer
