// SPDX-License-Identifier: Apache-2.0
// The first signal asks, the second ends.
#include "trainer/run/signals.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest::trainer {
namespace {

TEST(StopSignals, TheFirstIsRemembered) {
  for (const int signal : kStopSignals) {
    EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                    const StopSignals signals;
                                    if (StopSignals::received() != 0) return 1;
                                    ::raise(signal);
                                    return StopSignals::received() == signal ? 0 : 2;
                                  }),
                                  0))
        << signal;
  }
}

// Two signals, `pause` milliseconds apart, to a child that leaves with 0 if it goes on.
int after_two(int first, int second, int pause) {
  return test::in_child([&] {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);  // SIGQUIT would leave a core file
    const StopSignals signals;
    ::raise(first);
    ::usleep(1000 * pause);
    ::raise(second);
    return StopSignals::received() == first ? 0 : 1;
  });
}

// timeout(1) signals its child and the group that the child is in; launchers pass signals on.
TEST(StopSignals, TwoAtOnceAreOneRequest) {
  for (const int first : kStopSignals) {
    for (const int second : kStopSignals) {
      EXPECT_TRUE(test::exited_with(after_two(first, second, 2), 0)) << first << ' ' << second;
    }
  }
}

// A person who asks twice is impatient; a terminal or a batch system just repeats itself.
TEST(StopSignals, ASecondOneOfAPersonEndsAtOnce) {
  for (const int second : kStopSignals) {
    const int status = after_two(SIGUSR1, second, kSameRequest + 2);
    EXPECT_TRUE(ends_at_once(second) ? WIFSIGNALED(status) && WTERMSIG(status) == second
                                     : test::exited_with(status, 0))
        << second;
  }
  const int twice = after_two(SIGINT, SIGINT, kSameRequest + 2);
  EXPECT_TRUE(WIFSIGNALED(twice) && WTERMSIG(twice) == SIGINT);
}

TEST(StopSignals, AnIgnoredHangUpStaysIgnored) {
  EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                  std::signal(SIGHUP, SIG_IGN);  // nohup
                                  const StopSignals signals;
                                  ::raise(SIGHUP);
                                  return StopSignals::received();
                                }),
                                0));
}

TEST(StopSignals, AnotherProcessStopsALoop) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const StopSignals signals;
    (void)!::write(ends[1], "!", 1);
    while (!StopSignals::received()) ::usleep(1000);
    ::_exit(42);
  }
  char ready = 0;
  ASSERT_EQ(::read(ends[0], &ready, 1), 1);
  ::kill(child, SIGTERM);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(test::exited_with(status, 42));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(StopSignals, WhatWasThereBeforeComesBack) {
  static int heard = 0;
  EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                  std::signal(SIGINT, [](int) { ++heard; });
                                  { const StopSignals signals; }
                                  ::raise(SIGINT);
                                  return heard;
                                }),
                                1));
}

TEST(StopSignals, AFileThatGrowsTooLargeIsAnErrorNotASignal) {
  const test::Folder folder;
  EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                  const StopSignals signals;
                                  const rlimit limit{10, 10};
                                  ::setrlimit(RLIMIT_FSIZE, &limit);
                                  File file(folder / "a", O_WRONLY | O_CREAT);
                                  return test::error_of([&] {
                                           file.write_all("0123456789abc", 13);
                                         }) == folder / "a" + ": cannot write: File too large"
                                             ? 0
                                             : 1;
                                }),
                                0));
}

}  // namespace
}  // namespace steepest::trainer
