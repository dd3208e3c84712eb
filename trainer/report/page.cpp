// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/page.h"

#include <algorithm>

#include "trainer/report/colours.h"
#include "trainer/report/guide.h"
#include "trainer/report/overview.h"
#include "trainer/report/section.h"
#include "trainer/report/style.h"
#include "trainer/version.h"

namespace steepest::trainer {
namespace {

// Adds the head of the page. Nothing may be loaded and nothing may run, whatever the page holds.
void add_page_head(Html& html) {
  const Element head(html, "head");
  html.leaf("meta", {{"charset", "utf-8"}});
  html.leaf("meta", {{"http-equiv", "Content-Security-Policy"},
                     {"content", "default-src 'none'; style-src 'unsafe-inline'"}});
  html.leaf("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  html.leaf("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  html.element("title", "Claims and verdicts");
  html.open("style").literal(kStyle).close();
}

// Adds the claims that are not tested, a line for each experiment.
void add_all_untested(Html& html, const std::vector<Experiment>& experiments) {
  if (std::none_of(experiments.begin(), experiments.end(), [](const auto& experiment) {
        return experiment.has_untested() || !experiment.has_result();
      }))
    return;
  const Element section(html, "section", {{"id", kUntestedAnchor}});
  html.element("h2", "Not tested");
  for (const auto& experiment : experiments) add_untested(html, experiment);
}

// Adds what the page was made by, as far as it is known.
void add_footer(Html& html) {
  const std::string commit = kCommit;
  html.element("footer", "Made by steepest " + std::string(kVersion) +
                             (commit == "unknown" ? "" : ", commit " + commit) + ".");
}

}  // namespace

std::string page_of(const std::vector<Experiment>& experiments, const Glossary& glossary) {
  const auto styles = styles_of(experiments);
  Html html;
  html.literal("<!DOCTYPE html>\n").open("html", {{"lang", "en"}});
  add_page_head(html);
  {
    const Element body(html, "body");
    html.element("h1", "Claims and verdicts");
    add_counts(html, experiments);
    add_guide(html, glossary);
    add_tested(html, experiments);
    for (size_t i = 0; i < experiments.size(); ++i)
      if (experiments[i].has_result()) add_section(html, experiments[i], anchor_of(i), styles);
    add_all_untested(html, experiments);
    add_footer(html);
  }
  html.close();
  return html.str();
}

}  // namespace steepest::trainer
