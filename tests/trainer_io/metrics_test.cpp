// SPDX-License-Identifier: Apache-2.0
// A line for each step, whole or not at all; a resumed run's file is that of a run without a break.
#include "trainer/metrics.h"

#include <gtest/gtest.h>

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
