// SPDX-License-Identifier: Apache-2.0
// One run of a sweep: which row of which arm, with which values and seed, and the spec and the key
// that follow.
#pragma once

#include <string>
#include <vector>

#include "trainer/run_spec.h"
#include "trainer/sweep/choice.h"
#include "trainer/sweep/sweep_spec.h"

namespace steepest::trainer {

enum class Stage { tune, report };

// The stage's name in tables and on the command line.
std::string stage_name(Stage stage);

struct Trial {
  Stage stage = Stage::tune;
  const Arm* arm = nullptr;
  Settings row;     // the values of the arm's axes
  Settings values;  // those tuned or taken
  int64_t seed = 0;
};

// A trial as it is run.
struct Job {
  Trial trial;
  RunSpec spec;
  std::string key;     // a hash of the resolved config, with what it reads of other runs and data
  std::string folder;  // of the run
  std::string reads;   // the key of the run that it reads; "" of none
};

// Every row of an arm, each combination of its axes' values, the first axis the slowest.
std::vector<Settings> rows_of(const std::vector<Axis>& axes);

// A row's name for people and for --only: "con/max,ada_2", the arm's alone where it has no axes.
std::string row_name(const Arm& arm, const Settings& row);

// A trial's name for people: "reg/max,ada_2 optimizer.lr=0.1 seed 0".
std::string trial_name(const Trial& trial);

// A value as an override has it behind the "=": texts bare, numbers and lists as TOML.
std::string override_text(const SweepValue& value);

// Resolves the trials of one sweep.
class Resolver {
 public:
  // Keeps references to both: the sweep, and the choices made so far, which may grow.
  Resolver(const SweepSpec& spec, const Choices& choices) : spec_(spec), choices_(choices) {}

  // What the row of the arm has beside its own: the values taken from the choices of other arms;
  // with `own`, those that its own tuning has chosen too. Throws ConfigError where a choice is
  // missing.
  Settings values_of(const Arm& arm, const Settings& row, bool own) const;

  // The run of a trial. Throws ConfigError, with the trial's name, where that is none.
  Job resolve(const Trial& trial) const;

 private:
  // The run that "run(reg)" or "run(reg, next)" means for this trial; throws ConfigError.
  Job referred(const Trial& trial, const std::string& tie) const;
  // The value of a tie that is no reference: a product of numbers and names.
  static double product(const Settings& known, const std::string& key, const std::string& tie);

  const SweepSpec& spec_;
  const Choices& choices_;
};

}  // namespace steepest::trainer
