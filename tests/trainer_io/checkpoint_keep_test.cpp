// SPDX-License-Identifier: Apache-2.0
// Which checkpoints are kept and which one is used: good ones, and those that cannot be read now.
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "tests/trainer_io/checkpoints.h"
#include "trainer/run/checkpoint.h"

namespace steepest::trainer {
namespace {

namespace fs = std::filesystem;
using test::checkpoint_of;
using test::Folder;
using test::is_whole;
using Names = std::vector<std::string>;

Checkpoint not_finite(int64_t step) {
  auto checkpoint = checkpoint_of(step);
  checkpoint.finite = false;
  return checkpoint;
}

// While it lives, everything that is read of one checkpoint fails.
class Unreadable {
 public:
  Unreadable(const std::string& folder, int error) {
    place() = folder + "/", code() = error;
    set_fault_hook([](const char* operation, const std::string& path) {
      const bool reads = std::string_view(operation) == "read";
      return reads && path.starts_with(place()) ? code() : 0;
    });
  }
  ~Unreadable() { set_fault_hook(nullptr); }

 private:
  static std::string& place() {
    static std::string value;
    return value;
  }
  static int& code() {
    static int value = 0;
    return value;
  }
};

TEST(CheckpointKeep, WhatIsNotFiniteNeverPushesOutWhatIs) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(5));
  for (int64_t step = 10; step <= 40; step += 5) save_checkpoint(run.path(), not_finite(step));
  EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-40", "ckpt-5"}));
  const auto latest = latest_checkpoint(run.path());
  EXPECT_TRUE(is_whole(latest->checkpoint, 5));
  EXPECT_TRUE(latest->checkpoint.finite);
  EXPECT_EQ(latest->damaged, Names{run / "ckpt-40" + ": its weights or its loss are not finite; " +
                                   "using " + (run / "ckpt-5")});
  const auto newest = latest_checkpoint(run.path(), Want::newest);
  EXPECT_TRUE(is_whole(newest->checkpoint, 40));
  EXPECT_FALSE(newest->checkpoint.finite);
  // Going on from 5, the future that was not finite is removed.
  save_checkpoint(run.path(), checkpoint_of(20));
  EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-20", "ckpt-5"}));
}

TEST(CheckpointKeep, TheWeightsThemselvesAreLookedAt) {
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const Folder run;
    save_checkpoint(run.path(), checkpoint_of(1));
    save_checkpoint(run.path(), checkpoint_of(2));
    auto diverged = checkpoint_of(3);
    diverged.model.tensors[1].second[1] = value;
    save_checkpoint(run.path(), diverged);
    EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-1", "ckpt-2", "ckpt-3"}));
    EXPECT_FALSE(load_checkpoint(run / "ckpt-3").finite);
    EXPECT_EQ(latest_checkpoint(run.path())->folder, run / "ckpt-2");
  }
}

TEST(CheckpointKeep, WhereNoneIsFiniteTheNewestIsUsedAndSaid) {
  const Folder run;
  save_checkpoint(run.path(), not_finite(1));
  const auto latest = latest_checkpoint(run.path());
  EXPECT_TRUE(is_whole(latest->checkpoint, 1));
  EXPECT_EQ(latest->damaged.back(),
            run / "ckpt-1" + ": used although it is not finite: no other is");
}

// As the first versions wrote them: their manifests do not say whether the weights are finite.
TEST(CheckpointKeep, OnesOfTheFirstVersionsAreGood) {
  const Folder run;
  for (const int64_t step : {1, 2}) {
    save_checkpoint(run.path(), checkpoint_of(step));
    const std::string folder = checkpoint_folder(run.path(), step);
    auto manifest = verify_folder(folder);
    manifest.finite.reset();
    test::spill(folder + "/manifest.json", manifest_text(manifest));
    EXPECT_EQ(test::slurp(folder + "/manifest.json").find("finite"), std::string::npos);
  }
  EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 2));
  save_checkpoint(run.path(), checkpoint_of(3));
  EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-2", "ckpt-3"}));
}

TEST(CheckpointKeep, AReadErrorIsNotDamage) {
  const Folder run;
  for (const int64_t step : {1, 2}) save_checkpoint(run.path(), checkpoint_of(step));
  for (const int error : {EIO, EMFILE, ENFILE, EACCES, ENOMEM, ESTALE}) {
    const int operations = test::operations_of([&] { latest_checkpoint(run.path()); });
    for (int at = 0; at < operations; ++at) {
      test::FaultAt fault(at, error);
      std::string message;
      try {
        latest_checkpoint(run.path());
        ADD_FAILURE() << "operation " << at << " failed, and nothing was said";
      } catch (const CheckpointError& thrown) {
        ADD_FAILURE() << "taken for damage: " << thrown.what();
      } catch (const FileError& thrown) {
        message = thrown.what();
      }
      EXPECT_TRUE(test::one_line(message)) << message;
      EXPECT_NE(message.find(strerror(error)), std::string::npos) << message;
      EXPECT_EQ(test::names_in(run.path()), (Names{"ckpt-1", "ckpt-2"}));
    }
  }
}

TEST(CheckpointKeep, WhatCannotBeReadNowIsNotRemoved) {
  for (const int error : {EIO, EACCES, EMFILE}) {
    const Folder run;
    for (const int64_t step : {3, 4, 5}) save_checkpoint(run.path(), checkpoint_of(step), 3);
    for (const int64_t step : {6, 4}) {  // the newer ones cannot be read; then also one ahead
      const Unreadable now(run / "ckpt-5", error);
      const Saved saved = save_checkpoint(run.path(), checkpoint_of(step));
      EXPECT_TRUE(test::names_in(run / "ckpt-5").size() == 4) << step;
    }
    EXPECT_NO_THROW(load_checkpoint(run / "ckpt-5"));
  }
}

TEST(CheckpointKeep, OneOfTheSameStepThatCannotBeReadIsNotReplaced) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  const std::string before = test::slurp(run / "ckpt-1/manifest.json");
  {
    const Unreadable now(run / "ckpt-1", EIO);
    EXPECT_THROW(save_checkpoint(run.path(), checkpoint_of(1)), FileError);
  }
  EXPECT_EQ(test::slurp(run / "ckpt-1/manifest.json"), before);
  EXPECT_TRUE(is_whole(latest_checkpoint(run.path())->checkpoint, 1));
}

TEST(CheckpointKeep, AFolderWithoutTheRightToReadIsNotAnIncompleteOne) {
  const Folder run;
  for (const int64_t step : {1, 2}) save_checkpoint(run.path(), checkpoint_of(step));
  fs::permissions(run / "ckpt-2", fs::perms(0));
  EXPECT_TRUE(test::exited_with(
      test::in_child([&] {
        test::drop_rights();
        const auto message = test::error_of([&] { latest_checkpoint(run.path()); });
        return message.find("Permission denied: nothing was changed") != std::string::npos ? 0 : 1;
      }),
      0));
  fs::permissions(run / "ckpt-2", fs::perms(0755));
}

// Whoever reads beside a trainer that saves and removes always finds one.
TEST(CheckpointKeep, ReadBesideATrainerThatSaves) {
  const Folder run;
  save_checkpoint(run.path(), checkpoint_of(1));
  std::atomic<bool> done{false};
  std::atomic<int> found{0};
  std::string failure;
  std::thread reader([&] {
    while (!done && failure.empty()) {
      try {
        const auto latest = latest_checkpoint(run.path());
        if (!latest || !is_whole(latest->checkpoint, latest->checkpoint.step)) {
          failure = "none, or not whole";
        } else if (!latest->damaged.empty()) {
          failure = latest->damaged.front();
        }
        ++found;
      } catch (const std::exception& error) {
        failure = error.what();
      }
    }
  });
  for (int64_t step = 2; step < 150 || found < 20; ++step) {
    save_checkpoint(run.path(), checkpoint_of(step), 1);
    if (step == 5000) break;
  }
  done = true;
  reader.join();
  EXPECT_EQ(failure, "");
  EXPECT_GE(found, 20);
}

}  // namespace
}  // namespace steepest::trainer
