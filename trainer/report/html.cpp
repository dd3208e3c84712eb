// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/html.h"

#include "trainer/text.h"

namespace steepest::trainer {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";  // U+FFFD

// The character as HTML shows it.
std::string entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      break;
  }
  const auto code = static_cast<unsigned char>(c);
  const bool control = (code < 32 && c != '\n' && c != '\t') || code == 127;
  return control ? kReplacement : std::string(1, c);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string html;
  while (!text.empty()) {
    const auto bad = invalid_utf8(text);
    for (const char c : text.substr(0, bad.value_or(text.size()))) html += entity(c);
    if (!bad) break;
    html += kReplacement;
    text.remove_prefix(*bad + 1);
  }
  return html;
}

void Html::begin(const char* tag, const Attributes& attributes) {
  page_.append("<").append(tag);
  for (const auto& [name, value] : attributes)
    page_.append(" ").append(name).append("=\"").append(escaped(value)).append("\"");
}

Html& Html::open(const char* tag, const Attributes& attributes) {
  begin(tag, attributes);
  page_ += '>';
  open_.push_back(tag);
  return *this;
}

Html& Html::close() {
  page_.append("</").append(open_.back()).append(">\n");
  open_.pop_back();
  return *this;
}

Html& Html::text(std::string_view text) {
  page_ += escaped(text);
  return *this;
}

Html& Html::element(const char* tag, std::string_view text, const Attributes& attributes) {
  return open(tag, attributes).Html::text(text).close();
}

Html& Html::leaf(const char* tag, const Attributes& attributes) {
  begin(tag, attributes);
  page_ += "/>";
  return *this;
}

Html& Html::literal(const char* html) {
  page_ += html;
  return *this;
}

}  // namespace steepest::trainer
