// SPDX-License-Identifier: Apache-2.0
// Between one TOML value and one field of the spec.
#pragma once

#include "trainer/config/config_schema.h"
#include "trainer/config/toml.h"

namespace steepest::trainer {

// Sets the key's field and returns true, or leaves it and returns false when the value has the
// wrong type, is out of range, not finite, or not one of the names.
bool assign(const Key& key, const toml::node& value);

// What the key allows, in the words of messages: "a number above 0", "max, l2, hybrid".
std::string allowed(const Key& key);
// The value as messages show it, in one short line.
std::string received(const toml::node& value);

// The value of the key's field as TOML; nothing where it is not set.
std::optional<std::string> toml_of(const Key& key);

// Whether the field is a text, a list of texts, or a bool that is written as one of two names. For
// such a key an override's bare text is taken as text, even where TOML reads it as another type:
// run.out=12.
bool takes_text(const Key& key);

}  // namespace steepest::trainer
