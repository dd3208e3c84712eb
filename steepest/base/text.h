// SPDX-License-Identifier: Apache-2.0
// Numbers and received text as messages show them, and lists of names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steepest {

// Text as one quoted line, cut behind 256 bytes, for messages that show what a file contains.
std::string in_quotes(std::string_view text);

// Received text as messages show it: one quoted line, cut after some 60 bytes.
std::string shown(std::string_view text);
// Received text that needs no quotes (JSON values, lists) as messages show it: cut after 60 bytes.
std::string cut(std::string text);

// The whole text as a number in the C locale's form ("0.25", "1e-3"), whatever the program's locale
// is; nothing where it is none, or out of float64's range.
std::optional<double> read_number(std::string_view text);

// The shortest text that reads back as exactly this number, in the C locale's form.
std::string print_number(double value);

// For the end of a message on an unknown name: "; nearest: muon" with the known name of the
// smallest edit distance, or "" where none is near.
std::string nearest(const std::string& name, const std::vector<std::string>& known);

// The words as one text with the separator between them, "a, b, c".
std::string join(const std::vector<std::string>& words, const std::string& separator = ", ");

}  // namespace steepest
