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
// The same for text that needs no quotes (JSON values, lists).
std::string cut(std::string text);

// The whole text as a number in the C locale's form ("0.25", "1e-3"), whatever the program's locale
// is; nothing where it is none, or out of float64's range.
std::optional<double> read_number(std::string_view text);

std::string print_number(double value);

// "; nearest: muon" or "": the known name with the smallest edit distance, when it is near.
std::string nearest(const std::string& name, const std::vector<std::string>& known);

// "a, b, c"
std::string join(const std::vector<std::string>& words, const std::string& separator = ", ");

}  // namespace steepest
