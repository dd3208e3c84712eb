// SPDX-License-Identifier: Apache-2.0
#include "trainer/text.h"

#include <algorithm>
#include <cstdint>

namespace steepest::trainer {
namespace {

// Whether a byte is one of UTF-8's that follow the first of a character.
bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// Whether the first two bytes of a sequence make it an overlong form, a surrogate, or something
// beyond U+10FFFF, none of which is UTF-8.
bool begins_ill_formed(uint8_t first, uint8_t second) {
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || outside;
}

// The length in bytes of the well-formed sequence at offset `at`; 0 where there is none. Overlong
// forms, surrogates and what lies beyond U+10FFFF are not well formed.
size_t sequence_length(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() - at < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[at + i])) return 0;
  }
  return begins_ill_formed(first, static_cast<uint8_t>(text[at + 1])) ? 0 : length;
}

// A byte as a backslash, x and its two digits, \x1b.
std::string hexadecimal(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return {'\\', 'x', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
}

// Whether the sequence of one character is one that shows nothing but changes what a terminal
// shows: a C1 control (U+0080 to U+009F), or a mark that breaks a line (U+2028, U+2029) or turns
// its direction around (U+200E, U+200F, U+202A to U+202E).
bool is_hidden(std::string_view sequence) {
  if (sequence.size() == 2)
    return sequence[0] == '\xc2' && static_cast<uint8_t>(sequence[1]) < 0xa0;
  if (sequence.size() != 3 || sequence[0] != '\xe2') return false;
  const auto second = static_cast<uint8_t>(sequence[1]), third = static_cast<uint8_t>(sequence[2]);
  return second == 0x80 && (third == 0x8e || third == 0x8f || third == 0xa8 || third == 0xa9 ||
                            (third >= 0xaa && third <= 0xae));
}

// The sequence itself, or what stands for it in a line that does nothing to a terminal: \n, \x1b.
std::string escaped_character(std::string_view sequence) {
  if (sequence == "\n") return "\\n";
  if (sequence == "\t") return "\\t";
  if (sequence == "\r") return "\\r";
  const bool control = sequence.size() == 1 && (static_cast<uint8_t>(sequence[0]) < 0x20 ||
                                                static_cast<uint8_t>(sequence[0]) > 0x7e);
  if (!control && !is_hidden(sequence)) return std::string(sequence);
  std::string text;
  for (const char c : sequence) text += hexadecimal(c);
  return text;
}

// The text as escaped_character gives each of its characters, and bytes that are not UTF-8 as \x1b.
std::string escaped(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::max<size_t>(sequence_length(text, at), 1);
    line += escaped_character(text.substr(at, length));
    at += length;
  }
  return line;
}

}  // namespace

std::optional<size_t> invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

std::string one_line(std::string_view text, size_t most) {
  if (text.size() <= most) return escaped(text);
  size_t begin = most / 2, end = text.size() - most / 2;
  while (begin > 0 && is_continuation(text[begin])) --begin;  // no sequence is cut into two
  while (end < text.size() && is_continuation(text[end])) ++end;
  return escaped(text.substr(0, begin)) + " .. (" + std::to_string(end - begin) +
         " bytes left out) .. " + escaped(text.substr(end));
}

}  // namespace steepest::trainer
