// SPDX-License-Identifier: Apache-2.0
// HTML as text: tags are opened and closed in pairs, and all else is escaped.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steepest::trainer {

class Html {
 public:
  // Names are written as they are, so they are literals; values are escaped.
  using Attributes = std::initializer_list<std::pair<const char*, std::string>>;

  // Begins an element, whose name is a literal; it lasts until close().
  Html& open(const char* tag, const Attributes& attributes = {});
  // Ends the element that was opened last.
  Html& close();
  // Adds text.
  Html& text(std::string_view text);
  // Adds an element that holds this text alone.
  Html& element(const char* tag, std::string_view text, const Attributes& attributes = {});
  // Adds an element that has no end of its own (meta, a line of a picture).
  Html& leaf(const char* tag, const Attributes& attributes);
  // Adds a piece of HTML that is part of the program, such as the style.
  Html& literal(const char* html);

  // Returns the page so far.
  const std::string& str() const { return page_; }

 private:
  // Adds a tag and its attributes, without the ">".
  void begin(const char* tag, const Attributes& attributes);

  std::string page_;
  std::vector<const char*> open_;  // the elements that are open, the innermost last
};

// An element that is open while this lives.
class Element {
 public:
  // Opens the element; keeps a reference to the page.
  Element(Html& html, const char* tag, const Html::Attributes& attributes = {}) : html_(html) {
    html_.open(tag, attributes);
  }
  ~Element() { html_.close(); }
  Element(const Element&) = delete;
  Element& operator=(const Element&) = delete;

 private:
  Html& html_;
};

// Returns the text as HTML shows it, in an element or in an attribute's quotes: & < > " ' as
// entities; bytes that are not UTF-8 and control characters but tab and line break as U+FFFD.
std::string escaped(std::string_view text);

}  // namespace steepest::trainer
