// SPDX-License-Identifier: Apache-2.0
// A part of the page that opens at a touch.
#pragma once

#include <string>

#include "trainer/report/html.h"

namespace steepest::trainer {

class Details {
 public:
  // Opens the part, of which only the summary is seen at first; it lasts as long as this.
  Details(Html& html, const std::string& summary) : outer_(html, "details") {
    html.element("summary", summary);
  }

 private:
  Element outer_;
};

}  // namespace steepest::trainer
