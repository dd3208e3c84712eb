// SPDX-License-Identifier: Apache-2.0
// One grammar names a norm or a recipe in C++, TOML, Python and checkpoints:
//   "spectral", "ky_fan(k=8)", "0.5*spectral+0.5*inf", "shampoo(graft=adam)".
#pragma once

#include <c10/util/Exception.h>

#include <map>
#include <string>
#include <vector>

#include "steepest/base/text.h"

namespace steepest {

struct Spec {
  std::string name;
  std::map<std::string, std::string> args;  // numbers, as print_number has them, and words
  double weight = 1;                        // the factor of this term in a sum of terms, a mixture
};

// Reads one term, "ky_fan(k=8)". Throws c10::ValueError with the text and the position that could
// not be read.
Spec parse_spec(const std::string& text);
// Reads a sum of up to kMaxTerms terms, "0.5*spectral+0.5*inf"; a term without a weight before it
// has the weight 1. Throws as parse_spec does.
std::vector<Spec> parse_mixture(const std::string& text);
constexpr size_t kMaxTerms = 16;

// Returns a term without its weight as text that parse_spec reads, "ky_fan(k=8)", or the name alone
// where it has no arguments; numbers print without trailing zeros.
std::string print_spec(const Spec& spec);

// The value that the spec gives for the argument `key`, or `fallback` where it gives none; throws
// c10::ValueError where it is not in [low, high].
double argument(const Spec& spec, const std::string& key, double fallback, double low, double high);
// The value that the spec gives for the argument `key`, or `fallback` where it gives none; throws
// c10::ValueError unless it is a whole number from `low` to 1e9.
int64_t integer_argument(const Spec& spec, const std::string& key, int64_t fallback, int64_t low);

// The word that the spec gives for the argument `key`, or the first of the allowed ones where it
// gives none; throws c10::ValueError where it is not among these.
std::string word_argument(const Spec& spec, const std::string& key,
                          const std::vector<std::string>& allowed);

// Throws c10::ValueError where the spec has an argument that is not among `allowed`.
void allow_arguments(const Spec& spec, const std::vector<std::string>& allowed);

// Returns the entry of the catalog that the spec names. Throws c10::ValueError where there is none,
// with the entries' names behind `others`, which are allowed too, or where the spec has an argument
// that the entry does not take; `option` begins the message.
template <typename Entry>
const Entry& find_entry(const std::vector<Entry>& catalog, const Spec& spec,
                        const std::string& option, std::vector<std::string> others = {}) {
  for (const auto& entry : catalog) {
    others.push_back(entry.name);
    if (entry.name != spec.name) continue;
    allow_arguments(spec, entry.arguments);
    return entry;
  }
  TORCH_CHECK_VALUE(false, option, ": received ", shown(spec.name), ", allowed ", join(others),
                    nearest(spec.name, others));
}

}  // namespace steepest
