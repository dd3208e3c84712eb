// SPDX-License-Identifier: Apache-2.0
// Text that comes from outside: is it UTF-8, and how it is shown in a message of one line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace steepest::trainer {

// The offset of the first byte that is not part of well-formed UTF-8; nothing where all of it is.
std::optional<size_t> invalid_utf8(std::string_view text);

// The text as one line that does nothing to a terminal: line breaks, escape codes and other control
// characters, and bytes that are not UTF-8, as \n, \t, \x1b; of more than `most` bytes the middle
// is left out, and the text says so.
std::string one_line(std::string_view text, size_t most = 2000);

}  // namespace steepest::trainer
