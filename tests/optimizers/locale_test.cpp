// SPDX-License-Identifier: Apache-2.0
// Numbers are read and printed with a point, whatever the program's locale writes.
#include <gtest/gtest.h>

#include <clocale>
#include <locale>
#include <sstream>

#include "steepest/base/text.h"
#include "steepest/radius.h"
#include "steepest/serialize/snapshot.h"
#include "tests/support/face.h"
#include "tests/support/folder.h"

namespace steepest::test {
namespace {

class Comma : public std::numpunct<char> {
 protected:
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

// The C++ locale with a comma, and the C locale where the system has one that writes it.
class CommaLocale : public testing::Test {
 protected:
  CommaLocale() : before_(std::locale::global(std::locale(std::locale::classic(), new Comma))) {
    std::setlocale(LC_ALL, "C");
    for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8", "de_DE"}) {
      if (std::setlocale(LC_ALL, name) != nullptr) break;
    }
  }
  ~CommaLocale() override {
    std::locale::global(before_);
    std::setlocale(LC_ALL, "C");
  }

 private:
  std::locale before_;
};

TEST_F(CommaLocale, is_in_force) {
  std::ostringstream out;
  out << 1234.5;
  EXPECT_EQ(out.str(), "1.234,5");
}

TEST_F(CommaLocale, does_not_change_recipes) {
  const auto r = recipe("neon(k=4)", {.lr = 0.25,
                                      .norm = "0.5*spectral+0.125*inf",
                                      .radius = "0.25*scion",
                                      .backup_radius = "1e-1"});
  EXPECT_EQ(radius_of("0.25*2", Block{.rows = 1, .cols = 1}, "spectral"), 0.5);
  EXPECT_EQ(make_norm(r.matrix.norm, r.matrix.solvers)->name(), "0.5*spectral+0.125*inf");
  EXPECT_EQ(print_number(1234.5), "1234.5");
  EXPECT_NE(refusal([] { recipe("muon", {.radius = "0,25"}); }), "");
  EXPECT_NE(refusal([] { recipe("muon", {.lr = -1234.5}); }).find("received -1234.5,"),
            std::string::npos);
}

TEST_F(CommaLocale, does_not_change_files_and_tables) {
  const Folder folder;
  Optimizer optimizer(groups_of(tiny_leaves(), at::kFloat), recipe("muonmax-momo", {.lr = 0.25}));
  train(optimizer, 0, 3);
  save(optimizer, folder / "state");
  Optimizer other(groups_of(tiny_leaves(), at::kFloat), recipe("muonmax-momo", {.lr = 0.5}));
  load(other, folder / "state");
  EXPECT_EQ(other.param_groups()[0].options().get_lr(), 0.25);
  EXPECT_NE(Snapshot::of(other).metadata.at("groups").find("\"lr\":0.25"), std::string::npos);
  EXPECT_EQ(print_plan(optimizer.plan()).find(','), std::string::npos);
}

}  // namespace
}  // namespace steepest::test
