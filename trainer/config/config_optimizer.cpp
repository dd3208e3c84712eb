// SPDX-License-Identifier: Apache-2.0
// The keys of [optimizer] and [[group]]: the table of options under its own names. What is not
// given stays as the recipe has it.
#include <cmath>

#include "trainer/config/config_schema.h"

namespace steepest::trainer {
namespace {

// Returns the range, bounded by 1e6 where it goes from a finite number up to infinity: in a run
// file such a number is a typing error long before that.
Range within_reason(Range range) {
  if (std::isfinite(range.low) && !std::isfinite(range.high)) range.high = 1e6;
  return range;
}

// Returns the key of a run file for an option of the library's table, bound to the option's field
// of `said`: a value of the key is written there.
Key key_of(const Option& option, Overrides& said) {
  const auto field = std::visit([&](auto member) { return Field(&(said.*member)); }, option.said);
  Key key{option.name, field, option.help};
  key.range = within_reason(option.allowed.range);
  key.names = option.allowed.names;
  key.numbers = option.allowed.number_too;
  key.may_change = option.may_change == MayChange::in_run;
  key.later = option.later;
  return key;
}

// Whether a [[group]] of parameters may have a value of its own for this option: not for one of the
// whole network, nor for one of the backup alone.
bool is_of_groups(const Option& option) {
  return option.scope != Scope::network && option.scope != Scope::backup;
}

}  // namespace

// Returns the keys of [optimizer], bound to the fields of `spec`: recipe, clip, and every option of
// the library's table.
std::vector<Key> optimizer_keys(RunSpec& spec) {
  std::vector<Key> keys = {
      Key{"recipe", &spec.recipe, "muon, neon(k=4), muonmax-momo, adamw, .."},
      Key{"clip", &spec.clip, "of the gradients' norm; 0: none"}.within({.low = 0})};
  for (const auto& option : options()) keys.push_back(key_of(option, spec.optimizer));
  return keys;
}

// Returns the keys of one [[group]] table, bound to the fields of `group`: which parameters it
// matches, how they are seen as matrices, and the options that a group may have for itself.
Section group_section(GroupSpec& group) {
  std::vector<Key> keys = {
      Key{"match", &group.match, "globs of parameter names; the first table that matches wins"},
      Key{"role", &group.role, "default: as routed"}.one_of({"matrix", "backup"}),
      Key{"batch", &group.view.batch, "the last two dimensions are matrices, the rest a batch"},
      Key{"transposed", &group.view.transposed, "stored (in, out)"},
      Key{"split_sizes", &group.view.split_sizes, "parts of a fused matrix"}.within({.low = 1}),
      Key{"num_heads", &group.view.num_heads, "or so many equal parts; 0: none"}.within({.low = 0}),
      Key{"split_dim", &group.view.split_dim, "0 (out) or 1 (in)"}.within({0, 1}),
      Key{"steps", &group.steps, "its schedule ends after so many, and its rate is 0 from then on"}
          .within({.low = 1})
          .since_later()};
  for (const auto& option : options()) {
    if (is_of_groups(option)) keys.push_back(key_of(option, group.options));
  }
  return {"group", keys};
}

}  // namespace steepest::trainer
