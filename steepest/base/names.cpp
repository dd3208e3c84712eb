// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/names.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace steepest {
namespace {

using Names = std::vector<std::string>;
using Map = std::unordered_map<std::string, std::string>;

bool of_wrapper(const std::string& part) {
  return part == "module" || part == "_orig_mod" || part == "_fsdp_wrapped_module" ||
         part == "_checkpoint_wrapped_module";
}

// Nothing where two names have one plain name.
std::optional<Map> by_plain_name(const Names& names) {
  Map map;
  for (const auto& name : names) {
    if (!map.emplace(plain_name(name), name).second) return std::nullopt;
  }
  return map;
}

Map themselves(const Names& names) {
  Map map;
  for (const auto& name : names) map.emplace(name, name);
  return map;
}

}  // namespace

std::string plain_name(const std::string& name) {
  std::string plain;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const auto part = name.substr(begin, end - begin);
    if (!of_wrapper(part)) plain += (plain.empty() ? "" : ".") + part;
    begin = end + 1;
  }
  return plain;
}

Map match_names(const Names& own, const Names& saved) {
  const std::unordered_set<std::string> known(own.begin(), own.end());
  const auto is_known = [&](const std::string& name) { return known.count(name) != 0; };
  if (std::all_of(saved.begin(), saved.end(), is_known)) return themselves(own);
  const auto own_plain = by_plain_name(own), saved_plain = by_plain_name(saved);
  if (!own_plain || !saved_plain) return themselves(own);
  Map map;
  for (const auto& [plain, name] : *own_plain) {
    const auto found = saved_plain->find(plain);
    map.emplace(name, found == saved_plain->end() ? name : found->second);
  }
  const auto fits = [&](const auto& entry) { return own_plain->count(entry.first) != 0; };
  const bool all = std::all_of(saved_plain->begin(), saved_plain->end(), fits);
  return all ? map : themselves(own);
}

}  // namespace steepest
