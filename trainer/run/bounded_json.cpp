// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/bounded_json.h"

#include <nlohmann/json.hpp>

namespace steepest::trainer {
namespace {

// Whether brackets outside of quotes are nested in the text at most `depth` deep.
bool nests_at_most(std::string_view text, int depth) {
  int open = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;  // the next one ends nothing
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if ((c == '[' || c == '{') && ++open > depth) return false;
    if (c == ']' || c == '}') --open;
  }
  return true;
}

}  // namespace

std::optional<nlohmann::ordered_json> parse_bounded(std::string_view text, int depth) {
  if (!nests_at_most(text, depth)) return std::nullopt;
  auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

}  // namespace steepest::trainer
