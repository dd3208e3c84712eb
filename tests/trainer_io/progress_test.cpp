// SPDX-License-Identifier: Apache-2.0
// What is shown, when, and never an escape code where none is wanted.
#include "trainer/run/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace steepest::trainer {
namespace {

const Status kFull{.step = 120,
                   .steps = 1000,
                   .loss = 3.21537,
                   .rate = 41234,
                   .lr = 0.02,
                   .q = 0.831,
                   .dual = 12.42,
                   .share = 0.083};

TEST(Progress, FormatsWhatIsKnown) {
  EXPECT_EQ(format_status(kFull, 65.2),
            "step 120/1000  loss 3.2154  41.2k tokens/s  left 1m05s  lr 0.02  q 0.831  D 12.4  "
            "optimizer 8%");
  EXPECT_EQ(format_status({.step = 1, .steps = 9}, std::nullopt), "step 1/9  loss nan");
  EXPECT_EQ(format_status({.step = 1, .steps = 9, .loss = 2, .accuracy = 0.375}, std::nullopt),
            "step 1/9  loss 2.0000  accuracy 37.5%");
}

TEST(Progress, TimesAndRatesInShort) {
  const std::pair<double, std::string> times[] = {
      {0.4, "0s"},     {59.4, "59s"},     {59.6, "1m00s"},  {3599.4, "59m59s"},
      {3600, "1h00m"}, {86399, "23h59m"}, {90000, "1d01h"}, {1e12, "11574d01h"}};
  for (const auto& [seconds, text] : times) {
    EXPECT_EQ(format_status({.step = 1, .steps = 9, .loss = 1}, seconds),
              "step 1/9  loss 1.0000  left " + text);
  }
  const std::pair<double, std::string> rates[] = {
      {12.34, "12.3"}, {1234, "1.2k"}, {1234567, "1.2M"}, {2.5e9, "2.5G"}};
  for (const auto& [rate, text] : rates) {
    EXPECT_EQ(format_status({.step = 1, .steps = 9, .loss = 1, .rate = rate}, std::nullopt),
              "step 1/9  loss 1.0000  " + text + " tokens/s");
  }
}

// What Progress writes to a pipe.
std::string output_of(const ProgressOptions& options, const std::function<void(Progress&)>& use,
                      std::function<double()> now = {}) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  {
    Progress progress(ends[1], options, std::move(now));
    use(progress);
  }
  ::close(ends[1]);
  std::string text(1 << 16, '\0');
  text.resize(static_cast<size_t>(::read(ends[0], text.data(), text.size())));
  ::close(ends[0]);
  return text;
}

TEST(Progress, PlainLinesEveryFewStepsAndAtTheEnd) {
  double time = 0;
  const std::string text = output_of(
      {.every = 10},
      [&](Progress& progress) {
        for (int64_t step = 1; step <= 25; ++step, time += 2) {
          progress.update({.step = step, .steps = 25, .loss = 1});
        }
      },
      [&] { return time; });
  EXPECT_EQ(text,
            "step 10/25  loss 1.0000  left 30s\n"
            "step 20/25  loss 1.0000  left 10s\n"
            "step 25/25  loss 1.0000  left 0s\n");
}

TEST(Progress, TheTimeLeftCountsFromTheResumedStep) {
  double time = 100;
  const std::string text = output_of(
      {.every = 1},
      [&](Progress& progress) {
        progress.update({.step = 50, .steps = 60, .loss = 1});
        time += 3;
        progress.update({.step = 51, .steps = 60, .loss = 1});
      },
      [&] { return time; });
  EXPECT_EQ(text, "step 50/60  loss 1.0000\nstep 51/60  loss 1.0000  left 27s\n");
}

TEST(Progress, LiveLineIsRewrittenAtMostSoOften) {
  double time = 0;
  const std::string text = output_of(
      {.live = true, .interval = 1},
      [&](Progress& progress) {
        for (int64_t step = 1; step <= 100; ++step, time += 0.1) {
          progress.update({.step = step, .steps = 1000, .loss = 1});
        }
      },
      [&] { return time; });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 10);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.back(), '\n');
}

TEST(Progress, ShorterLinesRubOutLongerOnes) {
  double time = 0;
  const std::string text = output_of(
      {.live = true, .interval = 0},
      [&](Progress& progress) {
        progress.update({.step = 1, .steps = 9, .loss = 1000});
        progress.update({.step = 2, .steps = 9, .loss = 1});
      },
      [&] { return time; });
  EXPECT_EQ(text, "\rstep 1/9  loss 1000.0000\rstep 2/9  loss 1.0000  left 0s\n");
  const std::string shorter = output_of({.live = true, .interval = 0}, [&](Progress& progress) {
    progress.update({.step = 9, .steps = 9, .loss = 1000});
    progress.update({.step = 9, .steps = 9, .loss = 1});
  });
  EXPECT_EQ(shorter, "\rstep 9/9  loss 1000.0000\rstep 9/9  loss 1.0000   \n");
}

TEST(Progress, NotesStandOnTheirOwnLines) {
  const std::string text = output_of({.live = true}, [&](Progress& progress) {
    progress.update({.step = 9, .steps = 9, .loss = 1});
    progress.note("saved");
  });
  EXPECT_EQ(text, "\rstep 9/9  loss 1.0000\r                     \rsaved\n");
  EXPECT_EQ(output_of({}, [&](Progress& progress) { progress.note("saved"); }), "saved\n");
}

TEST(Progress, NeverWiderThanTheTerminal) {
  const std::string text =
      output_of({.live = true, .width = 20}, [&](Progress& progress) { progress.update(kFull); });
  EXPECT_EQ(text, "\rstep 120/1000\n");  // whole items
  const auto line = [](size_t width) {
    return output_of({.live = true, .width = width},
                     [&](Progress& progress) { progress.update(kFull); });
  };
  EXPECT_EQ(line(27), "\rstep 120/1000  loss 3.2154\n");
  EXPECT_EQ(line(26), "\rstep 120/1000\n");
  EXPECT_EQ(line(9), "\rstep 120\n");
  EXPECT_EQ(line(1), "\rs\n");
}

TEST(Progress, ColorOnlyWhenAsked) {
  const std::string text =
      output_of({.live = true, .color = true}, [&](Progress& progress) { progress.update(kFull); });
  EXPECT_EQ(text.find("\r\x1b[1mstep 120/1000\x1b[0m  loss 3.2154"), 0) << text;
}

TEST(Progress, AClosedStderrIsNoError) {
  Progress progress(-1, {.every = 1});
  EXPECT_NO_THROW(progress.update(kFull));
}

struct Variable {  // an environment variable for the length of a scope
  Variable(const char* name, const char* value) : name(name) {
    if (const char* before = std::getenv(name)) old = before;
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { old ? ::setenv(name, old->c_str(), 1) : ::unsetenv(name); }
  const char* name;
  std::optional<std::string> old;
};

TEST(Progress, DetectsATerminal) {
  int main_end = -1, terminal = -1;
  winsize size{};
  size.ws_col = 132;
  ASSERT_EQ(::openpty(&main_end, &terminal, nullptr, nullptr, &size), 0);
  const Variable term("TERM", "xterm");
  {
    const Variable none("NO_COLOR", nullptr);
    const auto options = detect_progress(terminal, 5);
    EXPECT_TRUE(options.live && options.color);
    EXPECT_EQ(options.width, 132);
    EXPECT_EQ(options.every, 5);
  }
  {
    const Variable empty("NO_COLOR", "");  // no-color.org: only a value that is not empty counts
    EXPECT_TRUE(detect_progress(terminal, 5).color);
  }
  {
    const Variable set("NO_COLOR", "1");
    EXPECT_TRUE(detect_progress(terminal, 5).live);
    EXPECT_FALSE(detect_progress(terminal, 5).color);
  }
  {
    const Variable dumb("TERM", "dumb");
    EXPECT_FALSE(detect_progress(terminal, 5).live);
  }
  ::close(main_end);
  ::close(terminal);
}

// What the terminal behind `main_end` has been sent by now.
std::string received_by(int main_end) {
  std::string text(1 << 12, '\0');
  text.resize(static_cast<size_t>(::read(main_end, text.data(), text.size())));
  return text;
}

TEST(Progress, FollowsATerminalThatIsResized) {
  int main_end = -1, terminal = -1;
  winsize size{};
  size.ws_col = 100;
  ASSERT_EQ(::openpty(&main_end, &terminal, nullptr, nullptr, &size), 0);
  const Variable term("TERM", "xterm"), none("NO_COLOR", "1");
  {
    auto options = detect_progress(terminal, 5);
    options.interval = 0;
    Progress progress(terminal, options);
    progress.update(kFull);
    EXPECT_NE(received_by(main_end).find("optimizer 8%"), std::string::npos);
    size.ws_col = 30;
    ASSERT_EQ(::ioctl(main_end, TIOCSWINSZ, &size), 0);
    progress.update(kFull);
    // What the longer line left in these columns is rubbed out, and no more is written.
    EXPECT_EQ(received_by(main_end), "\rstep 120/1000  loss 3.2154   ");
  }
  ::close(main_end);
  ::close(terminal);
}

TEST(Progress, APipeIsNoTerminal) {
  const Variable term("TERM", "xterm");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(detect_progress(ends[1], 5).live);
  EXPECT_FALSE(detect_progress(ends[1], 5).color);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace steepest::trainer
