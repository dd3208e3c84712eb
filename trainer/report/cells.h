// SPDX-License-Identifier: Apache-2.0
// Tables that become cards where the page is narrow.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/html.h"

namespace steepest::trainer {

// Adds the head of a table.
inline void add_head(Html& html, const std::vector<std::string>& names) {
  const Element head(html, "thead");
  const Element row(html, "tr");
  for (const auto& name : names) html.element("th", name, {{"scope", "col"}});
}

// Adds a cell; `name` is its column's, which a card shows beside it. A number does not wrap; a card
// leaves out an empty cell.
inline void add_cell(Html& html, const std::string& name, const std::string& text,
                     bool number = false) {
  html.element("td", text, {{"data-name", name}, {"class", number ? "number" : "words"}});
}

// Adds a cell without its column's name, the last one of a card's first line.
inline void add_first_line(Html& html, const char* tag, const std::string& text) {
  html.element(tag, text, {{"class", "line"}});
}

}  // namespace steepest::trainer
