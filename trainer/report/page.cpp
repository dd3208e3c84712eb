// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/page.h"

#include <algorithm>

#include "trainer/report/cells.h"
#include "trainer/report/forest.h"
#include "trainer/report/section.h"
#include "trainer/report/style.h"
#include "trainer/version.h"

namespace steepest::trainer {
namespace {

// The anchor of experiment number `i`.
std::string anchor_of(size_t i) { return "experiment-" + std::to_string(i + 1); }

// A count in a cell; "–" where there is none.
std::string count_text(const std::optional<int64_t>& count) {
  return count ? std::to_string(*count) : "–";
}

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

// Adds how many claims there are, and how many of them have which verdict.
void add_counts(Html& html, const std::vector<Experiment>& experiments) {
  std::vector<std::pair<Contrast, int64_t>> counts;  // the first contrast of a verdict
  int64_t all = 0, folders = 0;
  for (const auto& experiment : experiments) {
    folders += !experiment.folder.empty();
    for (const auto& c : experiment.contrasts) {
      ++all;
      const auto known = std::find_if(counts.begin(), counts.end(), [&](const auto& entry) {
        return entry.first.verdict == c.verdict;
      });
      if (known == counts.end())
        counts.emplace_back(c, 1);
      else
        ++known->second;
    }
  }
  html.element("p", std::to_string(all) + (all == 1 ? " claim in " : " claims in ") +
                        std::to_string(folders) +
                        (folders == 1 ? " experiment." : " experiments."));
  const Element list(html, "ul", {{"class", "counts-of"}});
  for (const auto& [contrast, count] : counts) {
    const Element item(html, "li");
    html.element("b", std::to_string(count));
    add_verdict(html, contrast);
  }
}

// Adds the line of a claim.
void add_claim(Html& html, const Contrast& c, const std::string& anchor) {
  const Element row(html, "tr");
  {
    const Element id(html, "th", {{"scope", "row"}});
    html.element("a", c.id, {{"href", "#" + anchor}});
  }
  add_first_line(html, "td", c.claim);
  {
    const Element cell(html, "td");
    add_verdict(html, c);
  }
  add_cell(html, "ours", effect_text(c), /*number=*/true);
  add_cell(html, "paper", paper_text(c), c.paper.has_value());
  add_cell(html, "seeds", count_text(c.seeds), /*number=*/true);
  add_cell(html, "trials", c.trials.empty() ? "–" : c.trials);
}

// Adds the table of all claims.
void add_claims(Html& html, const std::vector<Experiment>& experiments) {
  const Element table(html, "table", {{"class", "cards"}});
  add_head(html, {"", "claim", "verdict", "ours, with interval", "paper", "seeds", "trials"});
  for (size_t i = 0; i < experiments.size(); ++i) {
    const Element body(html, "tbody");
    {
      const Element row(html, "tr", {{"class", "of"}});
      const Element cell(html, "th", {{"colspan", "7"}, {"scope", "rowgroup"}});
      html.element("a", experiments[i].title, {{"href", "#" + anchor_of(i)}});
      html.element("small", experiments[i].name);
    }
    for (const auto& c : experiments[i].contrasts) add_claim(html, c, anchor_of(i));
  }
}

}  // namespace

std::string page_of(const std::vector<Experiment>& experiments) {
  Html html;
  html.literal("<!DOCTYPE html>\n").open("html", {{"lang", "en"}});
  add_page_head(html);
  {
    const Element body(html, "body");
    html.element("h1", "Claims and verdicts");
    add_counts(html, experiments);
    add_claims(html, experiments);
    for (size_t i = 0; i < experiments.size(); ++i) add_section(html, experiments[i], anchor_of(i));
    html.element("footer",
                 "Made by steepest " + std::string(kVersion) + ", commit " + kCommit + ".");
  }
  html.close();
  return html.str();
}

}  // namespace steepest::trainer
