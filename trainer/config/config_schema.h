// SPDX-License-Identifier: Apache-2.0
// The table of a run file's keys, bound to the fields of one spec: reading, checking, writing and
// explaining are loops over it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "steepest/options/options.h"
#include "trainer/run_spec.h"

namespace steepest::trainer {

// A bool under two names, the first for false.
struct NamedBool {
  bool* value;
};

using Field =
    std::variant<bool*, NamedBool, int64_t*, uint64_t*, double*, std::string*,
                 std::vector<std::string>*, std::vector<int64_t>*, std::optional<bool>*,
                 std::optional<int64_t>*, std::optional<double>*, std::optional<std::string>*,
                 std::optional<std::vector<double>>*, std::optional<std::vector<int64_t>>*>;

struct Key {
  std::string name;
  Field field;
  std::string help;
  Range range = {};
  std::vector<std::string> names = {};  // of a text: all that is allowed; empty: anything
  std::vector<std::string> only = {};   // the section's kinds that have this key; empty: all
  bool numbers = false;                 // a text that may be written as a number
  bool may_change = false;              // between a run and its resumption
  bool later = false;  // came after 0.1: where it is not given, it has no part in the hash

  // Returns this key with a range of numbers that its values have to lie in; the table reads as
  // Key{..}.within(..).only_for(..).
  Key within(Range value) && { return range = value, std::move(*this); }
  // Returns this key with the texts that its value has to be one of.
  Key one_of(std::vector<std::string> value) && { return names = value, std::move(*this); }
  // Returns this key, of a value that may be unset, as one that came after 0.1.
  Key since_later() && { return later = true, std::move(*this); }
  // Returns this key as one that only these kinds of its section have.
  Key only_for(std::vector<std::string> value) && { return only = value, std::move(*this); }
  // The same key, of a text, which a run file may also write as a bare number (0.1 for "0.1").
  Key or_number() && { return numbers = true, std::move(*this); }
  // The same key, marked as one whose value may change between a run and its resumption, or with
  // false as one that is compared then.
  Key changeable(bool value = true) && { return may_change = value, std::move(*this); }
};

struct Section {
  std::string name;
  std::vector<Key> keys;
  std::string kind = {};  // the value of its key "kind", where it has one
  bool left_out = false;  // of the file that is written, as nothing of it was given
};

// Returns all sections of a run file but [[group]], with their keys bound to the fields of `spec`
// that they set. The key preset of [model] is bound to `preset`, as it is no field of the spec:
// what it names is set before the other keys.
std::vector<Section> sections_of(RunSpec& spec, std::optional<std::string>& preset);
// The keys of one [[group]] table, bound to the fields of `group`.
Section group_section(GroupSpec& group);

// The keys of [optimizer], bound to the fields of `spec`.
std::vector<Key> optimizer_keys(RunSpec& spec);

// Whether the section, as its kind is now (model.kind), has this key: a key is for every kind, or
// only for those in key.only.
bool applies(const Section& section, const Key& key);

}  // namespace steepest::trainer
