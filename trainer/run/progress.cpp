// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "trainer/text.h"

namespace steepest::trainer {
namespace {

// The number as printf's format for one double gives it, of less than 64 characters.
std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// A count as people read it, "41.2k" or "3.1M".
std::string short_count(double value) {
  if (value >= 1e9) return formatted("%.1fG", value / 1e9);
  if (value >= 1e6) return formatted("%.1fM", value / 1e6);
  if (value >= 1e3) return formatted("%.1fk", value / 1e3);
  return formatted("%.1f", value);
}

// A time as people read it: 12s, 3m05s, 2h07m, 4d03h.
std::string duration(double seconds) {
  const auto total = static_cast<long>(std::min(seconds, 1e9) + 0.5);
  char text[64];
  if (total < 60) {
    std::snprintf(text, sizeof text, "%lds", total);
  } else if (total < 3600) {
    std::snprintf(text, sizeof text, "%ldm%02lds", total / 60, total % 60);
  } else if (total < 86400) {
    std::snprintf(text, sizeof text, "%ldh%02ldm", total / 3600, total / 60 % 60);
  } else {
    std::snprintf(text, sizeof text, "%ldd%02ldh", total / 86400, total / 3600 % 24);
  }
  return text;
}

// Writes the text to the descriptor. Where that fails the text is lost: a closed stderr is no
// reason to stop a run.
void put(int descriptor, const std::string& text) {
  (void)!::write(descriptor, text.data(), text.size());
}

// The columns of the terminal behind the descriptor; nothing where it does not tell.
std::optional<size_t> terminal_width(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

// As much of a status line, whose items stand two blanks apart, as fits into `room` columns: whole
// items, or where not even the first one fits, its beginning.
std::string fitting(const std::string& line, size_t room) {
  if (line.size() <= room) return line;
  const size_t end = line.rfind("  ", room);
  return line.substr(0, end == std::string::npos || end == 0 ? room : end);
}

// The time in seconds by a clock that never goes back, from an arbitrary start.
double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string format_status(const Status& status, std::optional<double> seconds_left) {
  std::string text = "step " + std::to_string(status.step) + "/" + std::to_string(status.steps);
  text += "  loss " + formatted("%.4f", status.loss);
  if (status.accuracy) text += "  accuracy " + formatted("%.1f%%", 100 * *status.accuracy);
  if (status.rate) text += "  " + short_count(*status.rate) + " " + status.unit + "/s";
  if (seconds_left) text += "  left " + duration(*seconds_left);
  if (status.lr) text += "  lr " + formatted("%.3g", *status.lr);
  if (status.q) text += "  q " + formatted("%.3g", *status.q);
  if (status.dual) text += "  D " + formatted("%.3g", *status.dual);
  if (status.share) text += "  optimizer " + formatted("%.0f%%", 100 * *status.share);
  return text;
}

ProgressOptions detect_progress(int descriptor, int64_t every) {
  ProgressOptions options{.every = every};
  const char* terminal = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  options.live = ::isatty(descriptor) == 1 && terminal && std::strcmp(terminal, "dumb") != 0;
  options.color = options.live && !(no_color && *no_color);
  options.measured = options.live;
  if (options.live) options.width = terminal_width(descriptor).value_or(options.width);
  return options;
}

Progress::Progress(int descriptor, ProgressOptions options, std::function<double()> now)
    : descriptor_(descriptor), options_(options), now_(now ? std::move(now) : steady_seconds) {}

// Ends the live line, if one stands there, so that the shell's prompt begins a new one.
Progress::~Progress() {
  if (shown_ > 0) put(descriptor_, "\n");
}

// The seconds to the last step at the mean pace since the first status, whose step and time it
// keeps; nothing until a later step is done. `now` is in seconds.
std::optional<double> Progress::seconds_left(const Status& status, double now) {
  if (!first_step_) {
    first_step_ = status.step;
    first_time_ = now;
  }
  const int64_t done = status.step - *first_step_;
  if (done <= 0) return std::nullopt;
  const double each = (now - first_time_) / static_cast<double>(done);
  return each * static_cast<double>(std::max<int64_t>(status.steps - status.step, 0));
}

void Progress::update(const Status& status) {
  const double now = now_();
  const bool first = !first_step_, last = status.step >= status.steps;
  const std::string line = format_status(status, seconds_left(status, now));
  if (!options_.live) {
    if (last || status.step % std::max<int64_t>(options_.every, 1) == 0) {
      put(descriptor_, line + "\n");
    }
  } else if (first || last || now - last_time_ >= options_.interval) {
    last_time_ = now;
    show(line);
  }
}

// The columns that a live line may take now, asked of the terminal where options_.measured says so:
// one less than it has, as some terminals break a line that fills them all.
size_t Progress::room() {
  if (options_.measured) options_.width = terminal_width(descriptor_).value_or(options_.width);
  return options_.width > 1 ? options_.width - 1 : 1;
}

// Writes the line over the live line, cut to the terminal's width, and notes its length in shown_.
// Blanks instead of an escape code rub out what was longer.
void Progress::show(const std::string& line) {
  const size_t most = room();
  const std::string text = fitting(line, most);
  const size_t before = std::min(shown_, most);
  const std::string rest(before > text.size() ? before - text.size() : 0, ' ');
  const size_t bold = options_.color ? std::min(text.find("  "), text.size()) : 0;
  const std::string head =
      bold ? "\x1b[1m" + text.substr(0, bold) + "\x1b[0m" : text.substr(0, bold);
  put(descriptor_, "\r" + head + text.substr(bold) + rest);
  shown_ = text.size();
}

// Rubs out the live line, so that another can be written in its place.
void Progress::clear() {
  if (shown_ > 0) put(descriptor_, "\r" + std::string(std::min(shown_, room()), ' ') + "\r");
  shown_ = 0;
}

void Progress::note(const std::string& line) {
  clear();
  put(descriptor_, one_line(line) + "\n");
}

}  // namespace steepest::trainer
