// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/overview.h"

#include <algorithm>
#include <utility>

#include "trainer/report/claim_text.h"

namespace steepest::trainer {
namespace {

using Counts = std::vector<std::pair<std::string, int64_t>>;  // of a verdict

// How many claims have which verdict, in the order of the page.
Counts counts_of(const std::vector<Experiment>& experiments) {
  Counts counts = {
      {"confirmed", 0}, {"contradicted", 0}, {"not resolved", 0}, {"absent at this scale", 0}};
  int64_t untested = 0;
  for (const auto& experiment : experiments) {
    for (const auto& c : experiment.contrasts) {
      const auto known = std::find_if(counts.begin(), counts.end(),
                                      [&](const auto& entry) { return entry.first == c.verdict; });
      if (!c.is_tested())
        ++untested;
      else if (known == counts.end())
        counts.emplace_back(c.verdict, 1);
      else
        ++known->second;
    }
  }
  counts.emplace_back(kUntested, untested);
  return counts;
}

// "1 claim", "2 claims".
std::string counted(int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// Adds a tested claim as a sentence.
void add_sentence(Html& html, const Contrast& c, const std::string& anchor) {
  const Element item(html, "li");
  html.element("a", c.id, {{"href", "#" + anchor}}).text(" " + c.claim + ": ");
  const auto paper = paper_text(c);
  if (c.effect) html.element("b", effect_text(c) + (paper.empty() ? "." : ";"));
  if (!paper.empty()) html.text("paper " + paper + ". ");
  add_verdict(html, c.verdict);
  if (!c.source.empty()) html.text(" ").element("span", c.source, {{"class", "of"}});
}

}  // namespace

std::string anchor_of(size_t i) { return "experiment-" + std::to_string(i + 1); }

void add_counts(Html& html, const std::vector<Experiment>& experiments) {
  int64_t all = 0, folders = 0;
  for (const auto& experiment : experiments) {
    all += static_cast<int64_t>(experiment.contrasts.size());
    folders += !experiment.folder.empty();
  }
  html.element("p", counted(all, "claim") + " in " + counted(folders, "experiment") + ".");
  const Element list(html, "ul", {{"class", "counts-of"}});
  for (const auto& [verdict, count] : counts_of(experiments)) {
    const Element item(html, "li");
    html.element("b", std::to_string(count));
    add_verdict(html, verdict);
    if (verdict == kUntested && count > 0)
      html.text(" ").element("a", "which", {{"href", std::string("#") + kUntestedAnchor}});
  }
}

void add_tested(Html& html, const std::vector<Experiment>& experiments) {
  for (size_t i = 0; i < experiments.size(); ++i) {
    if (!experiments[i].has_tested()) continue;
    {
      const Element title(html, "h3");
      html.element("a", experiments[i].title, {{"href", "#" + anchor_of(i)}});
    }
    const Element list(html, "ul", {{"class", "tested"}});
    for (const auto& c : experiments[i].contrasts)
      if (c.is_tested()) add_sentence(html, c, anchor_of(i));
  }
}

}  // namespace steepest::trainer
