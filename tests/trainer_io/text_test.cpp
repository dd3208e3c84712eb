// SPDX-License-Identifier: Apache-2.0
// Text from outside: well-formed UTF-8 or not, and its one harmless line.
#include "trainer/text.h"

#include <gtest/gtest.h>

#include "trainer/config/config_text.h"

namespace steepest::trainer {
namespace {

TEST(Utf8, WellFormedOnly) {
  for (const std::string text :
       {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xef\xbb\xb7", "\xf4\x8f\xbf\xbf",
        "\xed\x9f\xbf", "\xe0\xa0\x80", "\x7f"})
    EXPECT_FALSE(invalid_utf8(text)) << one_line(text);
  EXPECT_FALSE(invalid_utf8(std::string(3, '\0')));
  for (const std::string bad :
       {"\xff", "\xc0\x80", "\xc1\xbf", "\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(",
        "\xe2(\x82"})
    EXPECT_EQ(invalid_utf8("ab" + bad), 2u) << one_line(bad);
}

TEST(OneLine, WhatWouldBreakItIsEscaped) {
  EXPECT_EQ(one_line("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(one_line("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
  EXPECT_EQ(one_line("\xc2\x9b"), "\\xc2\\x9b");           // the escape code in one character
  EXPECT_EQ(one_line("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // turns the line around
  EXPECT_EQ(one_line("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(one_line("Läufe \"x\" 100 %s \\"), "Läufe \"x\" 100 %s \\");
  EXPECT_EQ(one_line(one_line("a\nb\xff")), one_line("a\nb\xff"));
}

TEST(OneLine, TheMiddleOfALongTextIsLeftOut) {
  const std::string text = "begin" + std::string(1 << 20, 'x') + "end";
  const std::string line = one_line(text, 100);
  EXPECT_LT(line.size(), 160u);
  EXPECT_TRUE(line.starts_with("begin") && line.ends_with("end")) << line;
  EXPECT_NE(line.find("bytes left out"), line.npos);
  std::string accents;
  for (int i = 0; i < 1000; ++i) accents += "\xc3\xa4";
  for (size_t most = 90; most < 96; ++most) EXPECT_FALSE(invalid_utf8(one_line(accents, most)));
}

TEST(ConfigText, FaultsHaveTheirLine) {
  const auto line = [](const std::string& text) { return find_fault(text).line; };
  EXPECT_EQ(line("[run]\nout = \"ä\"  # ö\nkey = 'ﻷ'\n"), 0u);
  EXPECT_EQ(line("a = 1\nb = \"\xff\"\n"), 2u);
  EXPECT_EQ(line("a = 1\n# \xff\n"), 2u);
  EXPECT_EQ(line(std::string("a\n\0b", 4)), 2u);
  EXPECT_EQ(line("a = 1\nb = 5\xef\xbb\xb7\n"), 2u);  // U+FEF7 behind a value
  EXPECT_EQ(line("\xc3\xa4 = 1\n"), 1u);
  EXPECT_EQ(line("a = \"\"\"\n\"ä\" \\\"\"\" ä\"\"\"\nb = ä"), 3u);
  EXPECT_EQ(line("a = '''\nä''' \nb = \"\\\\\"ä"), 3u);
  std::string deep = "a";
  for (int i = 0; i < 5000; ++i) deep += ".a";
  EXPECT_EQ(line("x = 1\n" + deep + " = 1\n"), 2u);
  EXPECT_EQ(line("x = '" + deep + "'\n"), 0u);
}

}  // namespace
}  // namespace steepest::trainer
