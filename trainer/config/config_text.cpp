// SPDX-License-Identifier: Apache-2.0
#include "trainer/config/config_text.h"

#include <algorithm>
#include <cstdint>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

constexpr size_t kMaxDots = 2000;

// The number of the line, from 1, in which the byte at `at` stands.
size_t line_at(std::string_view text, size_t at) {
  return 1 +
         static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<long>(at), '\n'));
}

// The character of UTF-8 that begins at `at`.
std::string_view character_at(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  return text.substr(at, end - at);
}

// Whether TOML forbids this control character everywhere. The parser asserts that it never meets
// some of them.
bool is_control(char c) {
  const bool blank = c == '\t' || c == '\n' || c == '\r';
  return (static_cast<unsigned char>(c) < 0x20 && !blank) || c == 0x7f;
}

// The byte as two hexadecimal digits in lower case.
std::string hex(char c) {
  const std::string digits = "0123456789abcdef";
  return {digits[static_cast<size_t>(c) >> 4], digits[static_cast<size_t>(c) & 15]};
}

// The offset behind the quoted text, of one line or of several, that begins at `at`. Where its
// closing quote is missing: the offset of the newline in a text of one line, else the end of all.
size_t end_of_quotes(std::string_view text, size_t at) {
  const char quote = text[at];
  const bool escapes = quote == '"';
  const std::string close(text.substr(at, 3) == std::string(3, quote) ? 3 : 1, quote);
  for (size_t i = at + close.size(); i < text.size(); ++i) {
    if (escapes && text[i] == '\\') {
      ++i;
    } else if (close.size() == 1 && text[i] == '\n') {
      return i;  // the parser names it
    } else if (text.substr(i, close.size()) == close) {
      return i + close.size();
    }
  }
  return text.size();
}

// Whether no name follows the bracket, at this offset, of a table's header. The parser asserts that
// one does. False, too, where the text ends there: the parser reports that itself.
bool is_nameless_table(std::string_view text, size_t bracket) {
  size_t at = text.find_first_not_of(" \t", bracket + 1);
  if (at < text.size() && text[at] == '[') at = text.find_first_not_of(" \t", at + 1);
  if (at >= text.size()) return false;  // the parser names it
  const char c = text[at];
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return !letter && std::string_view("_-\"']").find(c) == std::string_view::npos;
}

// Where a walk over the text stands: how deep in brackets, and are there only blanks before on the
// line? A bracket outside of all others that begins a line begins a table.
struct Cursor {
  int64_t depth = 0;
  bool line_begins = true;
  char before = '\n';  // the last that is no blank

  // Whether a quote may begin here, told by the last character that was no blank: a newline, an
  // equals sign, a bracket that opens or a comma. A quote anywhere else is refused before the
  // parser sees it, which looks ahead within values.
  bool may_quote() const { return std::string_view("\n=[{,").find(before) != std::string::npos; }
  // Whether the character c opens the header of a table.
  bool begins_table(char c) const { return c == '[' && depth == 0 && line_begins; }
  // Takes in c, the next character of the text outside of quotes and comments, and sets `depth`,
  // `line_begins` and `before` for the character after it.
  void pass(char c) {
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') depth = std::max<int64_t>(depth - 1, 0);
    if (c == ' ' || c == '\t') return;
    line_begins = c == '\n';
    const bool within = (c == '[' || c == '{') && !may_quote();  // a value: it opens nothing
    if (!within) before = c;
  }
};

// The first fault in what is neither quoted nor a comment, where TOML allows no more than ASCII; a
// TextFault of line 0 where there is none.
TextFault find_fault_outside_quotes(std::string_view text) {
  size_t dots = 0;
  Cursor cursor;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (cursor.begins_table(c) && is_nameless_table(text, at))
      return {line_at(text, at), "received '[' without the name of a section, allowed [section]"};
    const bool quotes = c == '"' || c == '\'';
    if (quotes && !cursor.may_quote())
      return {line_at(text, at),
              "received a quote within a key or behind a value, allowed text in "
              "quotes alone behind =, [ or a comma"};
    cursor.pass(c);
    if (quotes) {
      at = end_of_quotes(text, at);
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (static_cast<unsigned char>(c) >= 0x80)
      return {line_at(text, at),
              "received " + in_quotes(character_at(text, at)) +
                  " outside of quotes, allowed letters without accents, digits, _ and -"};
    dots += c == '.';
    if (dots > kMaxDots)
      return {line_at(text, at), "received more than " + std::to_string(kMaxDots) +
                                     " dots outside of quotes: no run file nests so deeply"};
    ++at;
  }
  return {};
}

}  // namespace

TextFault find_fault(std::string_view text) {
  if (const auto at = invalid_utf8(text))
    return {line_at(text, *at), "received byte " + one_line(text.substr(*at, 1)) +
                                    ", which is not UTF-8, allowed UTF-8 text"};
  const auto control = std::find_if(text.begin(), text.end(), is_control);
  if (const auto at = static_cast<size_t>(control - text.begin()); at < text.size())
    return {line_at(text, at),
            "received control character " + one_line(text.substr(at, 1)) +
                ", allowed tabs and ends of lines; in double quotes write \\u00" + hex(text[at])};
  return find_fault_outside_quotes(text);
}

}  // namespace steepest::trainer
