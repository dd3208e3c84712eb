// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/names.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "steepest/base/text.h"

namespace steepest {
namespace {

using Names = std::vector<std::string>;
using Map = std::unordered_map<std::string, std::string>;

// Whether this part of a dotted name was put there by a wrapper (DDP, torch.compile, FSDP) and not
// by the model.
bool is_wrapper_part(const std::string& part) {
  return part == "module" || part == "_orig_mod" || part == "_fsdp_wrapped_module" ||
         part == "_checkpoint_wrapped_module";
}

// Maps the plain form of each name, which plain_name gives, to the name itself. Returns nothing
// where two names have one plain form, as it then says of neither which is meant.
std::optional<Map> by_plain_name(const Names& names) {
  Map map;
  for (const auto& name : names) {
    if (!map.emplace(plain_name(name), name).second) return std::nullopt;
  }
  return map;
}

// Maps each name to itself: what match_names() returns where it renames nothing.
Map identity_map(const Names& names) {
  Map map;
  for (const auto& name : names) map.emplace(name, name);
  return map;
}

// Returns a pointer into `names` to the first name that repeats an earlier one, or nullptr where
// all differ.
const std::string* find_duplicate(const Names& names) {
  std::unordered_set<std::string> seen;
  const auto found =
      std::ranges::find_if(names, [&](const auto& name) { return !seen.insert(name).second; });
  return found == names.end() ? nullptr : &*found;
}

// Returns a pointer into `names` to the first name whose plain form (plain_name(), without what
// wrappers add) is not among `others`, or nullptr where all are. `others` are plain names.
const std::string* find_missing(const Names& names, const Names& others) {
  const std::unordered_set<std::string> known(others.begin(), others.end());
  const auto found = std::ranges::find_if(
      names, [&](const auto& name) { return known.count(plain_name(name)) == 0; });
  return found == names.end() ? nullptr : &*found;
}

// Returns the text, ending with a dot ("model."), that, put before every name of `shorter`, gives
// the names of `longer` in any order, or "" where there is none. An error message shows it, since
// names so prefixed were taken from an enclosing module.
std::string common_prefix(Names longer, Names shorter) {
  if (longer.size() != shorter.size() || shorter.empty()) return "";
  std::ranges::sort(shorter), std::ranges::sort(longer);
  for (const auto& name : longer) {
    if (!name.ends_with("." + shorter.front())) continue;
    const auto prefix = name.substr(0, name.size() - shorter.front().size());
    Names prefixed;
    for (const auto& each : shorter) prefixed.push_back(prefix + each);
    std::ranges::sort(prefixed);
    if (prefixed == longer) return prefix;
  }
  return "";
}

}  // namespace

// Leaves out each part that is_wrapper_part() tells, but the last: a parameter may itself have the
// name "module".
std::string plain_name(const std::string& name) {
  std::string plain;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const auto part = name.substr(begin, end - begin);
    const bool last = end == name.size();  // the parameter's own name
    if (last || !is_wrapper_part(part)) plain += (plain.empty() ? "" : ".") + part;
    begin = end + 1;
  }
  return plain;
}

Names plain_names(const Names& names) {
  Names plain;
  for (const auto& name : names) plain.push_back(plain_name(name));
  return plain;
}

Map match_names(const Names& own, const Names& saved) {
  const std::unordered_set<std::string> known(own.begin(), own.end());
  const auto is_known = [&](const std::string& name) { return known.count(name) != 0; };
  if (std::all_of(saved.begin(), saved.end(), is_known)) return identity_map(own);
  const auto own_plain = by_plain_name(own), saved_plain = by_plain_name(saved);
  if (!own_plain || !saved_plain) return identity_map(own);
  Map map;
  for (const auto& [plain, name] : *own_plain) {
    const auto found = saved_plain->find(plain);
    map.emplace(name, found == saved_plain->end() ? name : found->second);
  }
  const auto fits = [&](const auto& entry) { return own_plain->count(entry.first) != 0; };
  const bool all = std::all_of(saved_plain->begin(), saved_plain->end(), fits);
  return all ? map : identity_map(own);
}

std::string name_difference(const Names& received, const Names& allowed) {
  const auto theirs = plain_names(received), ours = plain_names(allowed);
  for (const auto* names : {&theirs, &ours}) {
    if (const auto* twice = find_duplicate(*names))
      return "names: received " + shown(*twice) + " twice, allowed names that differ";
  }
  const auto* extra = find_missing(received, ours);
  const auto* missing = find_missing(allowed, theirs);
  if (!extra) return missing ? "names: received no " + shown(*missing) : "";
  const auto said =
      "names: received " + shown(*extra) + ", which no parameter of this optimizer has";
  if (!missing) return said;
  auto text = said + ", allowed " + shown(*missing);
  if (const auto prefix = common_prefix(theirs, ours); !prefix.empty())
    text += ": the received names begin with " + shown(prefix);
  else if (const auto own = common_prefix(ours, theirs); !own.empty())
    text += ": the allowed names begin with " + shown(own);
  return text;
}

}  // namespace steepest
