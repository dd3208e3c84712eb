// SPDX-License-Identifier: Apache-2.0
// Where a run stands, on stderr: a live line on a terminal, else a plain line every few steps.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>

namespace steepest::trainer {

struct Status {
  int64_t step = 0, steps = 0;
  double loss = std::numeric_limits<double>::quiet_NaN();
  std::optional<double> accuracy;  // of the batch's images, 0 to 1
  std::optional<double> rate;      // units a second
  std::string unit = "tokens";
  std::optional<double> lr;
  std::optional<double> q;      // the factor of Momo
  std::optional<double> dual;   // D, the dual norm of the whole network
  std::optional<double> share;  // of the time that the optimizer takes, 0 to 1
};

// The status as one line: "step 120/1000  loss 3.2154  41.2k tokens/s  left 1m05s  lr 0.02  q 0.83
// D 12.4  optimizer 8%".
std::string format_status(const Status& status, std::optional<double> seconds_left);

struct ProgressOptions {
  bool live = false;   // rewrite one line, at most every `interval` seconds
  bool color = false;  // escape codes; without it there are none at all
  int64_t every = 10;  // plain lines: steps between two
  double interval = 0.1;
  size_t width = 80;      // columns that a live line may take
  bool measured = false;  // the terminal tells its width before each line: it may be resized
};

// The options for this descriptor, with a plain line every `every` steps: live on a terminal that
// is not "dumb"; colours unless NO_COLOR is set to anything but "".
ProgressOptions detect_progress(int descriptor, int64_t every);

class Progress {
 public:
  // Shows progress on a descriptor. `now` gives the time in seconds; a steady clock by default.
  Progress(int descriptor, ProgressOptions options, std::function<double()> now = {});
  ~Progress();  // ends the live line, if one stands there
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows the status where its turn has come: on a live line every `interval` seconds, as a plain
  // line every `every` steps, and after the last step.
  void update(const Status& status);
  // Writes a message as one line of its own, in the place of the live line.
  void note(const std::string& line);

 private:
  std::optional<double> seconds_left(const Status& status, double now);
  size_t room();
  void show(const std::string& line);
  void clear();

  int descriptor_;
  ProgressOptions options_;
  std::function<double()> now_;
  std::optional<int64_t> first_step_;
  double first_time_ = 0, last_time_ = 0;
  size_t shown_ = 0;  // characters of the live line
};

}  // namespace steepest::trainer
