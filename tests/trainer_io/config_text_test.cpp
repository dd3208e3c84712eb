// SPDX-License-Identifier: Apache-2.0
// Run files and overrides as bytes: every path comes back, and no text does more than be refused.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "trainer/config/config.h"
#include "trainer/run/own_output.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

const std::string kBase = "[model]\nkind = \"mlp\"\n[data]\nkind = \"procedural\"\n";

std::string error_of_text(const std::string& text) {
  const std::string message = test::error_of([&] { parse_config(text, "run.toml"); });
  EXPECT_TRUE(message.empty() || (test::one_line(message) && message.size() < 1000))
      << message.substr(0, 2000);
  return message;
}

std::string error_of_set(const std::string& set) {
  const std::string message = test::error_of([&] { parse_config(kBase, "run.toml", {set}); });
  EXPECT_TRUE(message.empty() || (test::one_line(message) && message.size() < 2000))
      << message.substr(0, 3000);
  return message;
}

std::string out_after_round_trip(const std::string& path) {
  RunSpec spec = parse_config(kBase, "run.toml");
  spec.out = path;
  return parse_config(resolved_toml(spec), "config.toml").out;
}

TEST(ConfigText, EveryPathComesBack) {
  for (const std::string path :
       {"a\"b",         "a\\b",  "a'b\tc", "ä%s",  "a\nb",  " a ",     "a#b", "'''",
        "\"\"\"",       "\\",    "a\rb",   "\x01", "\x7f",  "ﻷ",       "😀",   "\xc2\x85",
        "\xe2\x80\xa8", "$HOME", "true",   "1.0",  "[run]", "a\\u0041"})
    EXPECT_EQ(out_after_round_trip(path), path) << one_line(path);
  std::mt19937 random(7);
  const std::string pieces[] = {"\"", "'", "\\", "\n", "\t", "#", "ä", "ﻷ", "x", " ", "\x1b", "="};
  for (int round = 0; round < 500; ++round) {
    std::string path = "p";
    for (unsigned i = 0; i < 1 + random() % 12; ++i) path += pieces[random() % std::size(pieces)];
    EXPECT_EQ(out_after_round_trip(path), path) << one_line(path);
  }
}

TEST(ConfigText, ControlCharactersAreRefusedBeforeTheParser) {
  for (const char c : {'\0', '\x01', '\x04', '\x0b', '\x0c', '\x1b', '\x7f'}) {
    const std::string odd(1, c);
    for (const auto& text :
         {"[" + odd + "run]\n", kBase + odd, "# " + odd, "[run]\nout = '" + odd + "'"}) {
      const std::string message = error_of_text(text);
      EXPECT_NE(message.find("received control character"), std::string::npos) << message;
    }
  }
  EXPECT_EQ(
      error_of_text("[\x04un]\nst2eps \n"),
      "run.toml:1: received control character \\x04, allowed tabs and ends of lines; in double "
      "quotes write \\u0004");
}

TEST(ConfigText, ABracketWithoutANameIsRefusedBeforeTheParser) {
  for (const std::string text : {"[\n]", "[[\n\ngroup]]\n", " [ #\n", "x = [\n1]\n[=]", "[[ .a]]"})
    EXPECT_NE(error_of_text(text).find("without the name of a section"), std::string::npos) << text;
  for (const std::string text :
       {"[", "[]", "[[]]", "x = [\n  [+1],\n [ ],\n]\n", "x = '''\n[\n'''\n"})
    EXPECT_EQ(error_of_text(text).find("without the name"), std::string::npos) << text;
  EXPECT_EQ(parse_config(kBase, "run.toml", {"run.out=]\n[\n"}).out, "]\n[\n");
}

TEST(ConfigText, QuotesWithinAValueAreRefusedBeforeTheParser) {
  for (const std::string text :
       {"x = 20\"\"\"06-\xd0\x8e.e1", "x = 2020-01-01 \"\xd0\x8e\"", "x = 1.'\xd0\x8e'",
        "x = \"a\"'\xd0\x8e'", "x.\"y\" = 1", "x = [+['p\xc3\x85']]"})
    EXPECT_EQ(error_of_text(text).find("run.toml:1: received a quote within"), 0u) << text;
  for (const std::string text :
       {"x = ['a', \"b\" , 'c']", "\"x\" = 'a'", "x = {'a' = 'b'}", "x = [\n'a',\r\n'b']"})
    EXPECT_EQ(error_of_text(text).find("quote"), std::string::npos) << text;
}

TEST(ConfigText, OverridesTakePathsAsTheyAre) {
  for (const std::string path : {"a\"b", "a\\b", "a'b\tc", "ä%s", " a ", "a#b", "5 # c",
                                 "\"a\" # b", "1]#", "ﻷ", "a\nb", "1\nseed=2"})
    EXPECT_EQ(parse_config(kBase, "run.toml", {"run.out=" + path}).out, path) << one_line(path);
  EXPECT_EQ(parse_config(kBase, "run.toml", {"run.out=\"a # b\""}).out, "a # b");
}

TEST(ConfigText, ACommentIsNoPartOfAValue) {
  for (const std::string value : {"0.1 # c", "0.1 #", "0.1#", "0.1 # ]", "[0.1] #"}) {
    const auto message = error_of_set("optimizer.lr=" + value);
    EXPECT_NE(message.find("received"), message.npos) << value << message;
  }
  EXPECT_EQ(error_of_set("optimizer.lr=0.1"), "");
  EXPECT_EQ(error_of_set("optimizer.lr= 0.1 "), "");
}

TEST(ConfigText, WhatIsNoText) {
  EXPECT_EQ(error_of_text("[run]\nsteps = 5\xef\xbb\xb7\n").find("run.toml:2: "), 0u);
  EXPECT_EQ(error_of_text("[run]\nsteps = 5\xef\xbb\xb8"),
            error_of_text("[run]\nsteps = 5\xef\xbb\xb8"));
  EXPECT_NE(error_of_text("[run]\nsteps = 5\xef\xbb\xb8"), "");
  EXPECT_NE(error_of_text("[run]\nout = \"\xed\xa0\x80\"\n"), "");
  EXPECT_NE(error_of_text("[run]\nout = \"a\\u0000b\"\n").find("run.toml:2: run.out"),
            std::string::npos);
  EXPECT_EQ(error_of_text("\xef\xbb\xbf" + kBase), "");  // the mark of some editors
  EXPECT_NE(error_of_set("run.out=a\xff"), "");
  EXPECT_NE(error_of_text(std::string(2 << 20, '#')), "");
}

TEST(ConfigText, DeepAndLong) {
  const auto repeat = [](const std::string& piece, size_t n) {
    std::string text;
    for (size_t i = 0; i < n; ++i) text += piece;
    return text;
  };
  const std::string key(500000, 'k');
  EXPECT_NE(error_of_text("[run]\nsteps = " + repeat("[", 100000) + "\n"), "");
  EXPECT_NE(error_of_text("[run]\na" + repeat(".a", 100000) + " = 1\n"), "");
  EXPECT_NE(error_of_text("[a" + repeat(".a", 100000) + "]\n"), "");
  EXPECT_NE(error_of_text("[run]\nsteps = " + repeat("{a=", 100000) + "\n"), "");
  EXPECT_NE(error_of_text("[run]\n" + key + " = 1\n"), "");
  EXPECT_NE(error_of_text("[" + key + "]\n"), "");
  EXPECT_NE(error_of_text("[run]\ndevice = \"" + key + "\"\n"), "");
  EXPECT_NE(error_of_set("run." + key + "=1"), "");
  EXPECT_NE(error_of_set(key + ".steps=1"), "");
  EXPECT_NE(error_of_set("run.steps=" + key), "");
  EXPECT_NE(error_of_set(key), "");
  EXPECT_NE(error_of_text("[run]\n\"a\\u001b[31m\" = 1\n"), "");
  EXPECT_EQ(error_of_set("run.\x1b[31m=1").find('\x1b'), std::string::npos);
}

TEST(ConfigText, SparseFilesAndPipes) {
  const test::Folder folder;
  std::ofstream(folder / "huge.toml") << "x";
  ASSERT_EQ(::truncate((folder / "huge.toml").c_str(), off_t{1} << 42), 0);
  const auto message = test::error_of([&] { load_config(folder / "huge.toml"); });
  EXPECT_NE(message.find("allowed at most"), message.npos) << message;
}

TEST(ConfigText, ARecipesFaultNamesItsPlace) {
  const std::string at = "run.toml:6: optimizer.";
  const auto recipe = [&](const std::string& line) {
    return error_of_text(kBase + "[optimizer]\n" + line + "\n");
  };
  EXPECT_EQ(recipe("recipe = \"muonn\"").find(at + "recipe: "), 0u);
  EXPECT_EQ(recipe("recipe = \"neon(k=0)\"").find(at + "recipe: "), 0u)
      << recipe("recipe = \"neon(k=0)\"");
  EXPECT_EQ(recipe("recipe = \"neon(q=4)\"").find(at + "recipe: "), 0u);
  EXPECT_EQ(recipe("norm = \"spectrum\"").find(at + "norm: "), 0u);
}

// Which combinations of out and data would read what the run writes.
TEST(OwnOutput, InsideTheData) {
  const test::Folder folder;
  std::filesystem::create_directories(folder / "data/sub");
  std::filesystem::create_symlink(folder / "data", folder / "link");
  const auto refused = [&](const std::string& out, const std::string& data,
                           const std::vector<std::string>& extensions = {}) {
    RunSpec spec;
    spec.out = folder / out;
    spec.data.path = folder / data;
    spec.data.extensions = extensions;
    const auto message = test::error_of([&] { refuse_own_output(spec); });
    EXPECT_TRUE(message.empty() || test::one_line(message));
    return !message.empty();
  };
  EXPECT_TRUE(refused("data/run", "data"));
  EXPECT_TRUE(refused("data/sub/deeper/run", "data/"));
  EXPECT_TRUE(refused("data", "data"));
  EXPECT_TRUE(refused("link/run", "data"));
  EXPECT_TRUE(refused("data/run", "link"));
  EXPECT_TRUE(refused("data/../data/run", "data/sub/.."));
  EXPECT_TRUE(refused("data/run", "data", {".py", ".json"}));
  EXPECT_TRUE(refused("data/run", "data/*"));
  EXPECT_TRUE(refused("data/run", "*/run/*.jsonl"));
  EXPECT_TRUE(refused("data/run", "data/run/metrics.jsonl"));
  EXPECT_FALSE(refused("data/run", "data", {".py"}));
  EXPECT_FALSE(refused("data/run.py", "data", {".py"}));
  EXPECT_FALSE(refused("run", "data"));
  EXPECT_FALSE(refused("database", "data"));
  EXPECT_FALSE(refused("data", "data/sub"));
  EXPECT_FALSE(refused("data/run", "data/*.txt"));
  EXPECT_FALSE(refused("data", "data/text.txt"));
}

}  // namespace
}  // namespace steepest::trainer
