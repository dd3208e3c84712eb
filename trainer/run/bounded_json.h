// SPDX-License-Identifier: Apache-2.0
// JSON that anybody may have written: never deeper than what is asked for, because copying and
// writing a nest of brackets takes stack and indentation without end.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace steepest::trainer {

// The text as JSON; nothing where it is none, or nests more than `depth` brackets.
std::optional<nlohmann::ordered_json> parse_bounded(std::string_view text, int depth);

}  // namespace steepest::trainer
