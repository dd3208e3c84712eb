// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/text.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

namespace steepest {
namespace {

// Returns the Levenshtein distance: the fewest bytes to insert, delete or replace that turn one
// text into the other.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr size_t kMax = 256;  // a control character becomes six: at most 1,538 with the quotes
  size_t end = std::min(text.size(), kMax);
  if (end < text.size()) {  // no character is cut into two: UTF-8's have at most 4 bytes
    while (end > kMax - 3 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  }
  using Json = nlohmann::json;
  std::string quoted =
      Json(text.substr(0, end)).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (size_t at = 0; (at = quoted.find('\x7f', at)) != std::string::npos;) {
    quoted.replace(at, 1, "\\u007f");  // JSON lets this control character stand
  }
  if (end == text.size()) return quoted;
  return quoted + ".. (" + std::to_string(text.size()) + " bytes)";
}

std::string cut(std::string text) {
  constexpr size_t kMax = 60;
  if (text.size() <= kMax) return text;
  size_t end = kMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // whole letters
  return text.substr(0, end) + "...";
}

// 64 bytes are enough for cut() to see that there are more than it keeps.
std::string shown(std::string_view text) { return in_quotes(cut(std::string(text.substr(0, 64)))); }

std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string print_number(double value) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value);
  return std::string(text, result.ptr);
}

std::string nearest(const std::string& name, const std::vector<std::string>& known) {
  constexpr size_t kLongestName = 64;
  if (name.size() > kLongestName) return "";  // a distance takes the product of the lengths
  std::string best;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const auto& candidate : known) {
    const size_t distance = edit_distance(name, candidate);
    if (distance < least) std::tie(least, best) = std::make_pair(distance, candidate);
  }
  return best.empty() ? "" : "; nearest: " + best;
}

std::string join(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

}  // namespace steepest
