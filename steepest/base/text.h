// SPDX-License-Identifier: Apache-2.0
// Numbers and received text as messages show them, and lists of names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steepest {

// Returns the text in JSON's quotes and escapes, so that it is one line whatever it holds, for
// messages that show what a file contains. Of a text beyond 256 bytes the first ones, with the
// number of all.
std::string in_quotes(std::string_view text);

// What a user gave for an option or a name, as messages show it: the text in JSON's quotes and
// escapes, cut after 60 bytes, where "..." follows.
std::string shown(std::string_view text);
// Returns the text, or the first 60 bytes of a longer one with "..." behind them, no character of
// UTF-8 cut in two: for messages that show received text without quotes (JSON values, lists).
std::string cut(std::string text);

// Returns the number that the whole text is, in the C locale's form ("0.25", "1e-3"), whatever the
// program's locale; std::nullopt where the text is no number, or one out of float64's range.
std::optional<double> read_number(std::string_view text);

// Returns the shortest text that reads back as exactly this number, in the C locale's form.
std::string print_number(double value);

// For the end of a message on an unknown name: "; nearest: muon" with the one of the known names
// that has the smallest edit distance to it, or "" where none is within max(2, a third of the
// name's length).
std::string nearest(const std::string& name, const std::vector<std::string>& known);

// Returns the words as one text with the separator between them, "a, b, c".
std::string join(const std::vector<std::string>& words, const std::string& separator = ", ");

}  // namespace steepest
