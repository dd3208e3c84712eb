// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/spec.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace steepest {
namespace {

// Reads a spec's text from position `at` on; every function skips leading blanks, and throws
// c10::ValueError with the position where it does not find what it reads.
struct Reader {
  const std::string& text;
  size_t at = 0;

  // Moves past the blanks and tabs that come next. A spec is one line, so that a line end is no
  // blank.
  void skip_blanks() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  }
  // Skips blanks; where the character `c` comes next, moves past it and returns true, else returns
  // false.
  bool take(char c) {
    skip_blanks();
    if (at >= text.size() || text[at] != c) return false;
    ++at;
    return true;
  }
  // Moves past the character `c`; throws c10::ValueError where it does not come next.
  void expect(char c) {
    TORCH_CHECK_VALUE(take(c), "spec ", shown(text), ": expected '", c, "' at position ", at);
  }
  // Reads a name of letters, digits, _ and -; throws c10::ValueError where none comes next.
  std::string read_name() {
    skip_blanks();
    const size_t begin = at;
    while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) ||
                                text[at] == '_' || text[at] == '-')) {
      ++at;
    }
    TORCH_CHECK_VALUE(at > begin, "spec ", shown(text), ": expected a name at position ", begin);
    return text.substr(begin, at - begin);
  }
  // Skips blanks and returns whether a number comes next, which begins with a digit or a point.
  bool at_number() {
    skip_blanks();
    return at < text.size() &&
           (std::isdigit(static_cast<unsigned char>(text[at])) || text[at] == '.');
  }
  // Skips blanks, reads a number and moves past it; throws c10::ValueError where none comes next.
  double read_value() {
    skip_blanks();
    double value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
    TORCH_CHECK_VALUE(error == std::errc(), "spec ", shown(text),
                      ": expected a number at position ", at);
    at = static_cast<size_t>(end - text.data());
    return value;
  }
  // Throws c10::ValueError where anything but blanks is left of the text.
  void expect_end() {
    skip_blanks();
    TORCH_CHECK_VALUE(at == text.size(), "spec ", shown(text), ": unexpected text at position ",
                      at);
  }
};

// Reads the value of an argument, a number or a word, and moves past it; returns a number as
// print_number() has it. Throws c10::ValueError where neither comes next.
std::string read_argument(Reader& in) {
  in.skip_blanks();
  const bool word =
      in.at < in.text.size() && std::isalpha(static_cast<unsigned char>(in.text[in.at]));
  return word ? in.read_name() : print_number(in.read_value());
}

// Reads one term without its weight, "name" or "name(key=value, ..)", and moves past it; the
// result's weight is 1. Throws c10::ValueError where the text is no such term, or gives a key
// twice.
Spec read_spec(Reader& in) {
  Spec spec{in.read_name(), {}, 1};
  if (!in.take('(') || in.take(')')) return spec;
  do {
    const std::string key = in.read_name();
    in.expect('=');
    TORCH_CHECK_VALUE(spec.args.emplace(key, read_argument(in)).second, "spec ", shown(in.text),
                      ": argument ", shown(key), " is given twice");
  } while (in.take(','));
  in.expect(')');
  return spec;
}

}  // namespace

Spec parse_spec(const std::string& text) {
  Reader in{text};
  Spec spec = read_spec(in);
  in.expect_end();
  return spec;
}

std::vector<Spec> parse_mixture(const std::string& text) {
  Reader in{text};
  std::vector<Spec> terms;
  do {
    TORCH_CHECK_VALUE(terms.size() < kMaxTerms, "spec ", shown(text), ": received more than ",
                      kMaxTerms, " terms, allowed ", kMaxTerms);
    double weight = 1;
    if (in.at_number()) {
      weight = in.read_value();
      in.expect('*');
    }
    terms.push_back(read_spec(in));
    terms.back().weight = weight;
  } while (in.take('+'));
  in.expect_end();
  return terms;
}

std::string print_spec(const Spec& spec) {
  std::vector<std::string> args;
  for (const auto& [key, value] : spec.args) args.push_back(key + "=" + value);
  return args.empty() ? spec.name : spec.name + "(" + join(args) + ")";
}

double argument(const Spec& spec, const std::string& key, double fallback, double low,
                double high) {
  const auto found = spec.args.find(key);
  if (found == spec.args.end()) return fallback;
  const auto value = read_number(found->second);
  TORCH_CHECK_VALUE(value && *value >= low && *value <= high, spec.name, ": ", key, ": received ",
                    cut(found->second), ", allowed ", print_number(low), " to ",
                    print_number(high));
  return *value;
}

int64_t integer_argument(const Spec& spec, const std::string& key, int64_t fallback, int64_t low) {
  constexpr double high = 1e9;
  const double value =
      argument(spec, key, static_cast<double>(fallback), static_cast<double>(low), high);
  TORCH_CHECK_VALUE(value == static_cast<double>(static_cast<int64_t>(value)), spec.name, ": ", key,
                    ": received ", print_number(value), ", allowed a whole number from ", low);
  return static_cast<int64_t>(value);
}

std::string word_argument(const Spec& spec, const std::string& key,
                          const std::vector<std::string>& allowed) {
  const auto found = spec.args.find(key);
  if (found == spec.args.end()) return allowed[0];
  TORCH_CHECK_VALUE(std::find(allowed.begin(), allowed.end(), found->second) != allowed.end(),
                    spec.name, ": ", key, ": received ", cut(found->second), ", allowed ",
                    join(allowed));
  return found->second;
}

void allow_arguments(const Spec& spec, const std::vector<std::string>& allowed) {
  for (const auto& [key, value] : spec.args) {
    TORCH_CHECK_VALUE(std::find(allowed.begin(), allowed.end(), key) != allowed.end(), spec.name,
                      ": unknown argument: received ", shown(key), ", allowed ",
                      allowed.empty() ? "none" : join(allowed));
  }
}

}  // namespace steepest
