// SPDX-License-Identifier: Apache-2.0
// One grammar names a norm or a recipe in C++, TOML, Python and checkpoints:
//   "spectral", "ky_fan(k=8)", "0.5*spectral+0.5*inf".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "steepest/base/text.h"

namespace steepest {

struct Spec {
  std::string name;
  std::map<std::string, double> args;
  double weight = 1;  // of a mixture's term
};

// Throws c10::ValueError with the text and the position that could not be read.
Spec parse_spec(const std::string& text);
std::vector<Spec> parse_mixture(const std::string& text);  // at most kMaxTerms
constexpr size_t kMaxTerms = 16;

// "ky_fan(k=8)"; numbers print without trailing zeros.
std::string print_spec(const Spec& spec);

// The argument `key`, or `fallback` when it is not given; throws when it is not in [low, high].
double argument(const Spec& spec, const std::string& key, double fallback, double low, double high);
int64_t integer_argument(const Spec& spec, const std::string& key, int64_t fallback, int64_t low);

// Throws when the spec has an argument that is not among `allowed`.
void allow_arguments(const Spec& spec, const std::vector<std::string>& allowed);

}  // namespace steepest
