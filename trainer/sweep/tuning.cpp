// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/tuning.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "steepest/route.h"
#include "trainer/sweep/half_decades.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

constexpr int kGrowths = 2;     // of a grid, at most
constexpr int64_t kGrowth = 2;  // half decades at a time

// A row while it is tuned.
struct Tuned {
  Settings row, taken;
  std::vector<Axis> grid;
  std::vector<Job> jobs;  // of the grid as it is
  Choice choice;
};

// Whether no trial of an arm has ended well from which the row takes, or with `own` of its own arm:
// then the row is named on stderr, to be left out.
bool is_hopeless(const Arm& arm, const Settings& row, const Choices& choices, bool own) {
  std::vector<std::string> needed;
  if (own) needed.push_back(arm.name);
  for (const auto& [name, from] : arm.take) needed.push_back(from);
  for (const auto& name : needed) {
    const auto* choice = choices.find(name, row);
    if (choice == nullptr || std::isfinite(choice->val_loss)) continue;
    std::cerr << one_line(row_name(arm, row)) << ": left out: no trial of " << one_line(name)
              << " has ended well" << std::endl;
    return true;
  }
  return false;
}

// Resolves the trials of a row's grid.
void resolve_grid(Tuned& tuned, const Arm& arm, const Resolver& resolver) {
  tuned.jobs.clear();
  for (const auto& trial : tuning_trials(arm, tuned.row, tuned.taken, tuned.grid))
    tuned.jobs.push_back(resolver.resolve(trial));
}

// Runs the grids of all rows together; returns 0 or a signal.
int run_grids(const std::vector<Tuned>& rows, Runner& runner) {
  std::vector<Job> jobs;
  for (const auto& tuned : rows) jobs.insert(jobs.end(), tuned.jobs.begin(), tuned.jobs.end());
  return runner.run(jobs);
}

// Grows the axes of a row's grid whose best value is at an end; returns whether any could.
bool grow_grid(Tuned& tuned) {
  bool grown = false;
  for (auto& axis : tuned.grid) {
    const auto& edges = tuned.choice.edges;
    if (std::find(edges.begin(), edges.end(), axis.name) == edges.end()) continue;
    grown |= grow(axis, *find_setting(tuned.choice.values, axis.name));
  }
  return grown;
}

// Tunes the rows of one arm; returns 0 or a signal.
int tune_arm(const Arm& arm, std::vector<Tuned>& rows, const Resolver& resolver, Runner& runner,
             const Table& table) {
  for (auto& tuned : rows) resolve_grid(tuned, arm, resolver);
  for (int growths = 0;; ++growths) {
    if (const int signal = run_grids(rows, runner)) return signal;
    bool grown = false;
    for (auto& tuned : rows) {
      std::vector<const SweepValue*> lines;
      for (const auto& job : tuned.jobs) lines.push_back(table.find(job));
      tuned.choice = best_of(arm, tuned.row, tuned.grid, lines);
      if (growths == kGrowths || !grow_grid(tuned)) continue;
      resolve_grid(tuned, arm, resolver);
      grown = true;
    }
    if (!grown) return 0;
  }
}

}  // namespace

std::vector<Settings> chosen_rows(const Arm& arm, const std::string& only) {
  auto rows = rows_of(arm.axes);
  std::erase_if(rows, [&](const auto& row) { return !matches_glob(row_name(arm, row), only); });
  return rows;
}

std::vector<Trial> tuning_trials(const Arm& arm, const Settings& row, const Settings& taken,
                                 const std::vector<Axis>& grid) {
  std::vector<Trial> trials;
  for (const auto& values : rows_of(grid)) {
    Trial trial{Stage::tune, &arm, row, taken, 0};
    trial.values.insert(trial.values.end(), values.begin(), values.end());
    trials.push_back(std::move(trial));
  }
  return trials;
}

Choice best_of(const Arm& arm, const Settings& row, const std::vector<Axis>& grid,
               const std::vector<const SweepValue*>& lines) {
  Choice choice{.arm = arm.name, .row = row, .trials = static_cast<int64_t>(lines.size())};
  const SweepValue* best = nullptr;
  for (const auto* line : lines) {
    if (line == nullptr || judged_loss(*line) >= choice.val_loss) continue;
    best = line, choice.val_loss = judged_loss(*line);
  }
  if (best == nullptr) return choice;
  choice.train_loss = (*best).value("train_loss", choice.train_loss);
  for (const auto& [name, value] : (*best)["values"].items())
    choice.values.emplace_back(name, value);
  for (const auto& axis : grid) {
    const auto& value = (*best)["values"][axis.name];
    const bool ends = value == axis.values.front() || value == axis.values.back();
    if (axis.values.size() > 1 && value.is_number() && ends) choice.edges.push_back(axis.name);
  }
  return choice;
}

bool grow(Axis& axis, const SweepValue& value) {
  if (axis.step == 0) return false;
  const bool low = value == axis.values.front();
  for (int64_t added = 0; added < kGrowth; added += axis.step) {
    const auto& end = low ? axis.values.front() : axis.values.back();
    const int64_t index = *half_decade_index(end.get<double>());
    const SweepValue next = half_decade(index + (low ? -axis.step : axis.step));
    axis.values.insert(low ? axis.values.begin() : axis.values.end(), next);
  }
  return true;
}

int tune(const SweepSpec& spec, const std::string& only, Runner& runner, const Table& table,
         Choices& choices, const std::string& path) {
  const Resolver resolver(spec, choices);
  for (const auto& arm : spec.arms) {
    if (arm.tune.empty()) continue;
    std::vector<Tuned> rows;
    for (const auto& row : chosen_rows(arm, only)) {
      if (is_hopeless(arm, row, choices, /*own=*/false)) continue;
      rows.push_back({row, resolver.values_of(arm, row, /*own=*/false), arm.tune, {}, {}});
    }
    if (const int signal = tune_arm(arm, rows, resolver, runner, table)) return signal;
    for (auto& tuned : rows) choices.put(std::move(tuned.choice));
    choices.save(path);
  }
  return 0;
}

int report(const SweepSpec& spec, const std::string& only, Runner& runner, const Choices& choices,
           std::vector<Job>& reported) {
  const Resolver resolver(spec, choices);
  for (const auto& arm : spec.arms) {
    std::vector<Job> jobs;
    for (const auto& row : chosen_rows(arm, only)) {
      if (is_hopeless(arm, row, choices, /*own=*/true)) continue;
      const auto values = resolver.values_of(arm, row, /*own=*/true);
      for (const int64_t seed : spec.seeds)
        jobs.push_back(resolver.resolve({Stage::report, &arm, row, values, seed}));
    }
    reported.insert(reported.end(), jobs.begin(), jobs.end());
    if (const int signal = runner.run(jobs)) return signal;
  }
  return 0;
}

}  // namespace steepest::trainer
