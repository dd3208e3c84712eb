// SPDX-License-Identifier: Apache-2.0
// What in a run folder is not the run's own regular file: refused before anything is written.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <nlohmann/json.hpp>

#include "steepest/io/atomic_file.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "trainer/run/run_folder.h"

namespace steepest::trainer {
namespace {

namespace fs = std::filesystem;
using test::Folder;
using Names = std::vector<std::string>;

const std::string kStarts = R"([{"started": "2026-01-01T00:00:00Z", "steepest": "0.1.0"}])";

// What is in a folder: for each name what it is, and what it holds.
std::map<std::string, std::string> content(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (const auto& name : test::names_in(folder)) {
    const std::string path = folder + "/" + name;
    const auto status = fs::symlink_status(path);
    all[name] = fs::is_symlink(status)        ? "link to " + fs::read_symlink(path).string()
                : fs::is_regular_file(status) ? "file " + test::slurp(path)
                                              : "other";
  }
  return all;
}

// Nothing changes in the run, nor where its links lead.
void expect_refused(const Folder& run, const Folder& elsewhere, bool resume,
                    const std::string& message) {
  const auto before = content(run.path()), there = content(elsewhere.path());
  EXPECT_EQ(test::error_of(
                [&] { resume ? RunFolder::resume(run.path()) : RunFolder::create(run.path()); }),
            message);
  EXPECT_EQ(content(run.path()), before);
  EXPECT_EQ(content(elsewhere.path()), there);
}

TEST(RunFolderForeign, LinksPipesAndFoldersInPlaceOfItsFiles) {
  const std::vector<std::pair<std::string, std::function<void(const std::string&)>>> kinds = {
      {"a symbolic link", [](const auto& path) { fs::create_symlink("../elsewhere", path); }},
      {"a pipe, socket or device", [](const auto& path) { ::mkfifo(path.c_str(), 0600); }},
      {"a folder", [](const auto& path) { make_folder(path); }}};
  for (const std::string name : {"config.toml", "env.json", "metrics.jsonl", ".lock"}) {
    for (const auto& [what, make] : kinds) {
      const Folder run, elsewhere;
      const std::string refused =
          run / name + ": " + what + ", allowed a regular file in the run's own folder";
      if (name == ".lock") {
        make(run / name);
        expect_refused(run, elsewhere, false, refused);
        fs::remove(run / name);
      }
      write_file(run / "config.toml", "[run]\n");
      fs::remove(run / name);
      make(run / name);
      expect_refused(run, elsewhere, true, refused);
    }
  }
}

TEST(RunFolderForeign, LinksToTextsAreNotWrittenThrough) {
  for (const std::string name : {"config.toml", "env.json", "metrics.jsonl", ".lock"}) {
    const Folder run, elsewhere;
    test::spill(elsewhere / "thesis", name == "env.json" ? kStarts : "mine");
    write_file(run / "config.toml", "[run]\n");
    fs::remove(run / name);
    fs::create_symlink(elsewhere / "thesis", run / name);
    expect_refused(
        run, elsewhere, true,
        run / name + ": a symbolic link, allowed a regular file in the run's own folder");
  }
}

TEST(RunFolderForeign, AnEnvJsonOfAnother) {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  for (const std::string& text : {std::string(R"({"mine": 1})"), std::string("[1, 2]"),
                                  std::string(R"([{"mine": 1}])"), std::string("[[[]]]"), deep,
                                  std::string(200'000, '['), std::string(), std::string("\xff")}) {
    const Folder run, elsewhere;
    test::spill(run / "env.json", text);
    expect_refused(run, elsewhere, false,
                   run / "env.json" +
                       ": not of a run (there is no config.toml): move it away, or give another "
                       "folder");
    write_file(run / "config.toml", "[run]\n");
    const auto before = content(run.path());
    const std::string message = test::error_of([&] { RunFolder::resume(run.path()); });
    EXPECT_EQ(message.find(run / "env.json" + ": not a list of starts"), 0) << message;
    EXPECT_EQ(content(run.path()), before);
  }
}

TEST(RunFolderForeign, OnlyExactlyItsOwnTemporariesAreRemoved) {
  const Names others = {"notes.tmp-1", "config.toml.tmp-1",    "config.toml.tmp-a-b",
                        "x.tmp-1-0",   "config.toml.tmp-1-0~", "ckpt.tmp-1-0"};
  const Names own = {"config.toml.tmp-12-0", "env.json.tmp-7-3",
                     "metrics.jsonl.tmp-0123456789abcdef", "config.toml.tmp-fedcba9876543210"};
  for (const bool resume : {true, false}) {
    const Folder run;
    for (const auto& name : others) test::spill(run / name, "mine");
    for (const auto& name : own) test::spill(run / name, "half");
    make_folder(run / "plots.tmp-old");
    make_folder(run / "config.toml.tmp-3-3");
    fs::create_symlink("notes.tmp-1", run / "config.toml.tmp-4-4");
    if (resume) write_file(run / "config.toml", "");
    for (const auto& name : own) test::spill(run / name, "half");
    resume ? RunFolder::resume(run.path()) : RunFolder::create(run.path());
    for (const auto& name : own) EXPECT_FALSE(fs::exists(run / name)) << name << resume;
    for (const auto& name : others) EXPECT_EQ(test::slurp(run / name), "mine") << name;
    for (const std::string name : {"plots.tmp-old", "config.toml.tmp-3-3", "config.toml.tmp-4-4"}) {
      EXPECT_TRUE(fs::exists(run / name)) << name;
    }
  }
}

TEST(RunFolderForeign, ALockOfAnotherIsTakenButNotWritten) {
  const Folder run;
  for (const std::string text : {"thesis", "12 13", "-1", "999999999999999999999"}) {
    test::spill(run / ".lock", text);
    const RunFolder taken = RunFolder::create(run.path());
    EXPECT_EQ(test::slurp(run / ".lock"), text);
    EXPECT_EQ(test::error_of([&] { RunFolder::create(run.path()); }),
              run.path() + ": another trainer is writing to it");
  }
  for (const std::string& text : {std::string(), std::string("4242"), std::string(7, '\0')}) {
    test::spill(run / ".lock", text);
    const RunFolder taken = RunFolder::create(run.path());
    EXPECT_EQ(test::slurp(run / ".lock"), std::to_string(::getpid()));
  }
  test::spill(run / ".lock", "17");
  fs::create_hard_link(run / ".lock", run / "other");
  const RunFolder taken = RunFolder::create(run.path());
  EXPECT_EQ(test::slurp(run / "other"), "17");
}

TEST(RunFolderForeign, TheFolderItselfMayBeALink) {
  const Folder disk, root;
  fs::create_directory_symlink(disk.path(), root / "run");
  RunFolder::create(root / "run").write_config("[run]\n");
  EXPECT_EQ(test::slurp(disk / "config.toml"), "[run]\n");
  EXPECT_NO_THROW(RunFolder::resume(root / "run"));
}

TEST(RunFolderForeign, AFileSystemWithoutLocksIsSaidOnce) {
  const Folder root;
  for (const int error : {ENOSYS, ENOLCK, EOPNOTSUPP}) {
    static int code;
    code = error;
    set_fault_hook([](const char* operation, const std::string&) {
      return std::string_view(operation) == "lock" ? code : 0;
    });
    const std::string path = root / std::to_string(error);
    const RunFolder run = RunFolder::create(path);
    set_fault_hook(nullptr);
    ASSERT_EQ(run.warnings().size(), 1);
    EXPECT_EQ(run.warnings()[0], path + "/.lock: cannot lock: " + strerror(error) +
                                     ": going on without; start no second trainer in this folder");
    run.write_config("[run]\n");
    run.add_environment({});
  }
  EXPECT_TRUE(RunFolder::create(root / "with").warnings().empty());
}

TEST(RunFolderForeign, ALockFileOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make files of others";
  const Folder run;
  test::spill(run / ".lock", "1");
  fs::permissions(run / ".lock", fs::perms(0444));
  fs::permissions(run.path(), fs::perms(0777));
  EXPECT_TRUE(test::exited_with(test::in_child([&] {
                                  test::drop_rights();
                                  RunFolder::create(run.path()).write_config("[run]\n");
                                  return 0;
                                }),
                                0));
  EXPECT_EQ(test::slurp(run / ".lock"), "1");
}

TEST(RunFolderForeign, ThousandsOfStartsStayCheap) {
  const Folder root;
  const RunFolder run = RunFolder::create(root / "run");
  run.add_environment({.steepest = "0.1.0", .device = "cpu"});
  auto starts = nlohmann::ordered_json::parse(test::slurp(run / "env.json"));
  while (starts.size() < 10'000) starts.push_back(starts[0]);
  write_file(run / "env.json", starts.dump(2) + "\n");
  run.add_environment({.steepest = "0.2.0", .device = "cpu"});
  const std::string text = test::slurp(run / "env.json");
  EXPECT_LT(text.size(), 4'000'000);
  starts = nlohmann::ordered_json::parse(text);
  ASSERT_EQ(starts.size(), 10'001);
  EXPECT_EQ(starts[10'000]["steepest"], "0.2.0");
}

// A start that fails at any operation can be repeated, and nothing of it is in the way.
TEST(RunFolderForeign, EveryFailingOperationOfAStart) {
  const Folder root;
  const auto start = [&] {
    const RunFolder run = RunFolder::create(root / "run");
    run.write_config("[run]\n");
    run.add_environment({});
  };
  const int operations = test::operations_of(start);
  for (const int error : {ENOSPC, EDQUOT, EIO, 0}) {
    for (int at = 0; at < operations; ++at) {
      fs::remove_all(root / "run");
      if (error == 0) {
        EXPECT_TRUE(test::killed(test::in_child([&] {
          test::FaultAt fault(at, 0);
          start();
          return 0;
        })));
      } else {
        test::FaultAt fault(at, error);
        const std::string message = test::error_of(start);
        EXPECT_TRUE(test::one_line(message)) << at;
      }
      if (fs::exists(root / "run/config.toml")) {
        const RunFolder again = RunFolder::resume(root / "run");
        again.write_config("[run]\n");
        again.add_environment({});
      } else {
        start();
      }
      EXPECT_EQ(test::names_in(root / "run"), (Names{".lock", "config.toml", "env.json"})) << at;
    }
  }
}

}  // namespace
}  // namespace steepest::trainer
