// SPDX-License-Identifier: Apache-2.0
// One grammar names a norm or a recipe in C++, TOML, Python and checkpoints:
//   "spectral", "ky_fan(k=8)", "0.5*spectral+0.5*inf".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steepest {

struct Spec {
  std::string name;
  std::map<std::string, double> args;
  double weight = 1;  // of a mixture's term
};

// Throws c10::ValueError with the text and the position that could not be read.
Spec parse_spec(const std::string& text);
std::vector<Spec> parse_mixture(const std::string& text);  // at most kMostTerms
constexpr size_t kMostTerms = 16;

// Received text as messages show it: one quoted line, cut after some 60 bytes.
std::string shown(std::string_view text);
// The same for text that needs no quotes (JSON values, lists).
std::string cut(std::string text);

// The whole text as a number in the C locale's form ("0.25", "1e-3"), whatever the program's locale
// is; nothing where it is none, or out of float64's range.
std::optional<double> read_number(std::string_view text);

// "ky_fan(k=8)"; numbers print without trailing zeros.
std::string print_spec(const Spec& spec);
std::string print_number(double value);

// The argument `key`, or `fallback` when it is not given; throws when it is not in [low, high].
double argument(const Spec& spec, const std::string& key, double fallback, double low, double high);
int64_t integer_argument(const Spec& spec, const std::string& key, int64_t fallback, int64_t low);

// Throws when the spec has an argument that is not among `allowed`.
void allow_arguments(const Spec& spec, const std::vector<std::string>& allowed);

// "; nearest: muon" or "": the known name with the smallest edit distance, when it is near.
std::string nearest(const std::string& name, const std::vector<std::string>& known);

// "a, b, c"
std::string join(const std::vector<std::string>& words, const std::string& separator = ", ");

}  // namespace steepest
