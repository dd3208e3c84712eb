// SPDX-License-Identifier: Apache-2.0
// Paths that cannot be read, and choices outside their range: one line naming what and where.
#include "trainer/data/files.h"

#include <sys/stat.h>

#include <cmath>
#include <filesystem>

#include "tests/trainer_data/data.h"

namespace steepest::trainer {
namespace {

using namespace test;
namespace fs = std::filesystem;

struct Paths {
  Paths() { spec.extensions = {".py"}; }
  void refused(const std::string& path, const std::vector<std::string>& parts) {
    spec.path = path;
    expect_refused(spec, parts);
  }
  Folder folder;
  DataSpec spec;
};

TEST(Files, MissingPaths) {
  Paths paths;
  paths.refused("", {"data.path", "received nothing"});
  paths.refused(paths.folder / "none", {"none", "No such file"});
  paths.refused(paths.folder / "none/below", {"none/below", "No such file"});
  paths.refused(paths.folder / "none*", {"none*", "matches no file"});
}

TEST(Files, FoldersWithoutAFittingFile) {
  Paths paths;
  paths.refused(paths.folder.path(), {"holds no file ending in .py"});
  spill(paths.folder / "a.txt", "text");
  paths.refused(paths.folder.path(), {"holds no file ending in .py"});
  paths.spec.extensions = {};
  fs::remove(paths.folder / "a.txt");
  paths.refused(paths.folder.path(), {"holds no file"});
}

TEST(Files, FolderInPlaceOfAFile) {
  Paths paths;
  fs::create_directory(paths.folder / "sub.py");
  spill(paths.folder / "x.py", text_of(1000));
  paths.refused(paths.folder / "*.py", {"sub.py", "is a folder, allowed a file"});
  EXPECT_THROW(PieceFile(paths.folder.path()), DataError);
}

TEST(Files, DanglingLinksAndPipes) {
  Paths paths;
  fs::create_symlink(paths.folder / "gone", paths.folder / "link.py");
  paths.refused(paths.folder / "link.py", {"link.py", "No such file"});
  paths.refused(paths.folder.path(), {"link.py", "No such file"});
  ASSERT_EQ(::mkfifo((paths.folder / "pipe").c_str(), 0600), 0);
  paths.refused(paths.folder / "pipe", {"pipe", "not a regular file"});  // and does not wait
}

TEST(Files, WithoutTheRightToRead) {
  const Paths paths;
  spill(paths.folder / "secret.py", text_of(1000));
  fs::permissions(paths.folder / "secret.py", fs::perms::none);
  const int status = steepest::test::in_child([&] {
    steepest::test::drop_rights();
    DataSpec spec = paths.spec;
    for (const std::string& path : {paths.folder / "secret.py", paths.folder.path()}) {
      spec.path = path;
      const std::string error = error_of([&] { make_dataset(spec); });
      if (error.find("secret.py: cannot be opened: Permission denied") == error.npos) return 1;
    }
    return 0;
  });
  EXPECT_TRUE(steepest::test::exited_with(status, 0));
}

TEST(Files, EmptyText) {
  Paths paths;
  spill(paths.folder / "empty", "");
  paths.refused(paths.folder / "empty", {"empty", "too short", "received 0 bytes"});
}

TEST(Files, SplitWithoutAFile) {
  Paths paths;
  spill(paths.folder / "a.py", text_of(500, 1));
  spill(paths.folder / "b.py", text_of(500, 2));
  paths.spec.validation_fraction = 1e-9;
  paths.refused(paths.folder.path(), {"received 2 files", "validation", "validation_fraction"});
  paths.spec.validation_fraction = 1 - 1e-9;
  paths.refused(paths.folder.path(), {"received 2 files", "training", "validation_fraction"});
}

TEST(Files, LengthsAtTheLimit) {
  OneText one(24);  // 18 for training, 6 for validation
  one.spec.context = 5;
  one.spec.batch = 3;
  EXPECT_EQ(one.make()->size(Split::train), 3);
  EXPECT_EQ(one.make()->size(Split::validation), 1);
  EXPECT_EQ(row(one.make()->validation_batch(0, 1).targets, 0), tokens_at(one.text, 19, 5));
  one.spec.batch = 4;
  expect_refused(one.spec, {"batch.rows", "received 4 rows", "allowed 1..3"});
  one.spec.context = 6;
  expect_refused(one.spec, {"validation data are too short", "received 6 bytes", "allowed 7"});
}

TEST(Files, ChoicesOutsideTheirRange) {
  const OneText one;
  const auto refused = [&](auto change, const std::vector<std::string>& parts) {
    DataSpec spec = one.spec;
    change(spec);
    expect_refused(spec, parts);
  };
  refused([](auto& s) { s.kind = "mnist"; }, {"data.kind", "'mnist'", "text, tokens, cifar10"});
  refused([](auto& s) { s.order = "any"; }, {"data.order", "'any'", "shuffled, random"});
  refused([](auto& s) { s.batch = 0; }, {"batch.rows", "received 0", "allowed 1.."});
  refused([](auto& s) { s.context = 0; }, {"model.context", "received 0", "allowed 1.."});
  refused([](auto& s) { s.translate = 32; }, {"data.translate", "received 32", "0..31"});
  refused([](auto& s) { s.separator = 256; }, {"data.separator", "received 256", "0..255"});
  for (const double fraction : {0., 1., -1., std::nan("")})
    refused([&](auto& s) { s.validation_fraction = fraction; }, {"data.validation_fraction"});
  refused([](auto& s) { s.kind = "tokens"; }, {"data.validation_path", "received nothing"});
  refused([](auto& s) { s.kind = "procedural", s.train_images = 0; }, {"train_images", "0"});
}

}  // namespace
}  // namespace steepest::trainer
