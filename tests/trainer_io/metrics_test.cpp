// SPDX-License-Identifier: Apache-2.0
// A line for each step, whole or not at all; a resumed run's file is that of a run without a break.
#include "trainer/run/metrics.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest::trainer {
namespace {

using test::Folder;
using Json = nlohmann::ordered_json;

Json line(int64_t step) { return {{"step", step}, {"loss", 1.0 / static_cast<double>(step)}}; }

TEST(Metrics, OneObjectALine) {
  const Folder folder;
  Metrics metrics = Metrics::create(folder / "m");
  metrics.write({{"step", 1}, {"loss", 0.1}, {"note", "a\nb"}});
  metrics.write({{"step", 2},
                 {"loss", std::numeric_limits<double>::quiet_NaN()},
                 {"lr", std::numeric_limits<double>::infinity()},
                 {"D", -HUGE_VAL}});
  EXPECT_EQ(test::slurp(folder / "m"),
            "{\"step\":1,\"loss\":0.1,\"note\":\"a\\nb\"}\n"
            "{\"step\":2,\"loss\":null,\"lr\":null,\"D\":null}\n");
}

TEST(Metrics, NumbersComeBackExactly) {
  const Folder folder;
  Metrics metrics = Metrics::create(folder / "m");
  const double values[] = {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789.123456789};
  for (const double value : values) metrics.write({{"step", 1}, {"x", value}});
  std::ifstream in(folder / "m");
  for (const double value : values) {
    std::string text;
    std::getline(in, text);
    EXPECT_EQ(Json::parse(text)["x"].get<double>(), value);
  }
}

TEST(Metrics, CreateNeverOverwrites) {
  const Folder folder;
  Metrics::create(folder / "m").write(line(1));
  EXPECT_EQ(test::error_of([&] { Metrics::create(folder / "m"); }),
            folder / "m" + ": cannot open: File exists");
}

TEST(Metrics, ResumedAtAnyStepTheFileIsAsIfNeverInterrupted) {
  const Folder folder;
  {
    Metrics metrics = Metrics::create(folder / "whole");
    for (int64_t step = 1; step <= 10; ++step) metrics.write(line(step));
  }
  const std::string whole = test::slurp(folder / "whole");
  for (int64_t resumed = 0; resumed <= 10; ++resumed) {
    test::spill(folder / "m", whole);
    Metrics metrics = Metrics::resume(folder / "m", resumed);
    for (int64_t step = resumed + 1; step <= 10; ++step) metrics.write(line(step));
    EXPECT_EQ(test::slurp(folder / "m"), whole) << resumed;
  }
}

// Killed while it wrote: cut at any byte after the lines of the checkpoint's step.
TEST(Metrics, CutAtAnyByteAfterTheResumedStep) {
  const Folder folder;
  {
    Metrics metrics = Metrics::create(folder / "whole");
    for (int64_t step = 1; step <= 6; ++step) metrics.write(line(step));
  }
  const std::string whole = test::slurp(folder / "whole");
  const size_t kept = whole.find("{\"step\":4");
  for (size_t length = kept; length <= whole.size(); ++length) {
    test::spill(folder / "m", whole.substr(0, length));
    Metrics metrics = Metrics::resume(folder / "m", 3);
    for (int64_t step = 4; step <= 6; ++step) metrics.write(line(step));
    EXPECT_EQ(test::slurp(folder / "m"), whole) << length;
  }
}

TEST(Metrics, SeveralLinesOfOneStepStayTogether) {
  const Folder folder;
  {
    Metrics metrics = Metrics::create(folder / "m");
    for (const int64_t step : {1, 2, 2, 3, 3}) metrics.write(line(step));
  }
  Metrics::resume(folder / "m", 2);
  const std::string text = test::slurp(folder / "m");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(Metrics, ResumeWithoutAFileStartsOne) {
  const Folder folder;
  Metrics::resume(folder / "m", 0).write(line(1));
  EXPECT_EQ(test::slurp(folder / "m"), "{\"step\":1,\"loss\":1.0}\n");
}

TEST(Metrics, DamagedLinesAreNotDropped) {
  const Folder folder;
  for (const std::string bad :
       {"{\"step\":2,\"lo", "", "[2]", "{\"loss\":1}", "{\"step\":2.5}", "{\"step\":\"2\"}"}) {
    const std::string text = "{\"step\":1}\n" + bad + "\n{\"step\":3}\n";
    test::spill(folder / "m", text);
    EXPECT_EQ(test::error_of([&] { Metrics::resume(folder / "m", 3); }),
              folder / "m" + ":2: not a line of metrics: repair or remove the file, then resume");
    EXPECT_EQ(test::slurp(folder / "m"), text);
  }
}

TEST(Metrics, WhatIsNotARunsOwnIsLeftAsItIs) {
  const Folder folder;
  for (const std::string text :
       {"thesis", "{\"steps\":1", "{\"step\":1}\nthesis", "{\"step\":1}\n[", "\n"}) {
    test::spill(folder / "m", text);
    EXPECT_NE(
        test::error_of([&] { Metrics::resume(folder / "m", 3); }).find("not a line of metrics"),
        std::string::npos)
        << text;
    EXPECT_EQ(test::slurp(folder / "m"), text);
  }
}

TEST(Metrics, LinksAndPipesAreRefused) {
  const Folder folder;
  test::spill(folder / "thesis", "mine");
  std::filesystem::create_symlink("thesis", folder / "m");
  std::filesystem::create_symlink("none", folder / "dangling");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const std::string name : {"m", "dangling"}) {
    EXPECT_EQ(test::error_of([&] { Metrics::resume(folder / name, 3); }),
              folder / name + ": a symbolic link, allowed a regular file");
    EXPECT_NE(test::error_of([&] { Metrics::create(folder / name); }), "");
  }
  EXPECT_EQ(test::error_of([&] { Metrics::resume(folder / "pipe", 3); }),
            folder / "pipe" + ": not a regular file");
  EXPECT_EQ(test::slurp(folder / "thesis"), "mine");
  EXPECT_FALSE(std::filesystem::exists(folder / "none"));
}

// A backup made of hard links stays what it was when the run goes on.
TEST(Metrics, OtherNamesOfTheFileKeepTheirContent) {
  const Folder folder;
  {
    Metrics metrics = Metrics::create(folder / "m");
    for (int64_t step = 1; step <= 5; ++step) metrics.write(line(step));
  }
  const std::string whole = test::slurp(folder / "m");
  std::filesystem::create_hard_link(folder / "m", folder / "backup");
  Metrics metrics = Metrics::resume(folder / "m", 3);
  for (int64_t step = 4; step <= 5; ++step) metrics.write(line(step));
  EXPECT_EQ(test::slurp(folder / "m"), whole);
  metrics.write(line(6));
  EXPECT_EQ(test::slurp(folder / "backup"), whole);
  EXPECT_EQ(test::names_in(folder.path()), (std::vector<std::string>{"backup", "m"}));
}

TEST(Metrics, ResumedAtItsLastStepNothingChanges) {
  const Folder folder;
  {
    Metrics metrics = Metrics::create(folder / "m");
    for (int64_t step = 1; step <= 5; ++step) metrics.write(line(step));
  }
  const std::string whole = test::slurp(folder / "m");
  for (int start = 0; start < 3; ++start) Metrics::resume(folder / "m", 5);
  EXPECT_EQ(test::slurp(folder / "m"), whole);
}

TEST(Metrics, DeepAndLongLinesTakeNoMemoryAndNoStack) {
  const Folder folder;
  const std::string good = "{\"step\":1}\n";
  const std::string refused =
      folder / "m" + ":2: not a line of metrics: repair or remove the file, then resume";
  test::spill(folder / "m", good + "{\"step\":2,\"a\":" + std::string(200'000, '[') +
                                std::string(200'000, ']') + "}\n");
  EXPECT_EQ(test::error_of([&] { Metrics::resume(folder / "m", 3); }), refused);
  test::spill(folder / "m", good + "{\"step\":2,\"a\":\"" + std::string(17 << 20, 'x') + "\"}\n");
  EXPECT_EQ(test::error_of([&] { Metrics::resume(folder / "m", 3); }), refused);
  test::spill(folder / "m", good);  // what a power failure leaves: a length without bytes
  std::filesystem::resize_file(folder / "m", uint64_t{1} << 30);
  EXPECT_TRUE(test::exited_with(
      test::in_child([&] {
        const auto most = [] {
          rusage use{};
          ::getrusage(RUSAGE_SELF, &use);
          return use.ru_maxrss;  // KiB
        };
        const auto before = most();
        Metrics::resume(folder / "m", 3);
        return most() - before < 64 << 10 && test::slurp(folder / "m") == good ? 0 : 1;
      }),
      0));
}

TEST(Metrics, ALineWithoutAnEndIsNotReadForEver) {
  const Folder folder;
  test::spill(folder / "m", "{\"step\":1}\n");
  std::filesystem::resize_file(folder / "m", uint64_t{1} << 42);  // takes no place
  EXPECT_EQ(test::error_of([&] { Metrics::resume(folder / "m", 3); }),
            folder / "m" + ":2: not a line of metrics: repair or remove the file, then resume");
  EXPECT_EQ(std::filesystem::file_size(folder / "m"), uint64_t{1} << 42);
}

TEST(Metrics, EveryFailingOperationOfAResumptionLeavesTheFile) {
  const Folder folder;
  const std::string whole = "{\"step\":1}\n{\"step\":2}\n{\"st", kept = "{\"step\":1}\n";
  for (const bool linked : {false, true}) {
    const auto prepare = [&] {
      for (const auto& name : test::names_in(folder.path())) std::filesystem::remove(folder / name);
      test::spill(folder / "m", whole);
      if (linked) std::filesystem::create_hard_link(folder / "m", folder / "backup");
    };
    prepare();
    const int operations = test::operations_of([&] { Metrics::resume(folder / "m", 1); });
    for (int at = 0; at < operations; ++at) {
      prepare();
      std::string message;
      {
        test::FaultAt fault(at, ENOSPC);
        message = test::error_of([&] { Metrics::resume(folder / "m", 1); });
      }
      EXPECT_TRUE(test::one_line(message)) << at;
      const std::string now = test::slurp(folder / "m");
      EXPECT_TRUE(now == whole || (linked && now == kept)) << at << now;
      if (linked) {
        EXPECT_EQ(test::slurp(folder / "backup"), whole);
      }
      EXPECT_EQ(test::names_in(folder.path()).size(), linked ? 2 : 1) << at;
    }
  }
}

TEST(Metrics, DiskFull) {
  const Folder folder;
  const auto child = [&] {
    test::limit_space(folder.path(), 32 << 10);
    Metrics metrics = Metrics::create(folder / "m");
    int64_t step = 0;
    const std::string message = test::error_of([&] {
      while (step < 100'000) metrics.write(line(++step));
    });
    const std::string text = test::slurp(folder / "m");
    Metrics::resume(folder / "m", step - 1);
    return test::one_line(message) && message.find(folder / "m" + ": cannot write: ") == 0 &&
                   text.back() == '\n' && test::slurp(folder / "m") == text &&
                   std::count(text.begin(), text.end(), '\n') == step - 1
               ? 0
               : 1;
  };
  EXPECT_TRUE(test::exited_with(test::in_child(child), 0));
}

TEST(Metrics, ALineThatCannotBeWrittenWholeLeavesNothing) {
  const Folder folder;
  const auto child = [&] {
    Metrics metrics = Metrics::create(folder / "m");
    metrics.write(line(1));
    const std::string before = test::slurp(folder / "m");
    test::limit_file_size(before.size() + 10);  // room for a part of the next line
    const std::string message = test::error_of([&] { metrics.write(line(2)); });
    return message == folder / "m" + ": cannot write: File too large" &&
                   test::slurp(folder / "m") == before
               ? 0
               : 1;
  };
  EXPECT_TRUE(test::exited_with(test::in_child(child), 0));
}

}  // namespace
}  // namespace steepest::trainer
