// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/guide.h"

#include "trainer/report/claim_text.h"
#include "trainer/report/details.h"

namespace steepest::trainer {
namespace {

// What decides about a verdict, one line each; experiments/PROTOCOL.md has the rules in full.
constexpr const char* kRules[][2] = {
    {"confirmed",
     "the interval excludes \"no effect\" on the side that is claimed, and the effect reaches the "
     "smallest that counts; of a claim of no difference: TOST holds within the margin"},
    {"contradicted",
     "the interval excludes \"no effect\" on the other side; of a claim of no difference: all of "
     "the interval is outside of the margin"},
    {"not resolved", "anything else, with the number of seeds that would do"},
    {"absent at this scale", "TOST holds within the smallest effect that counts"},
    {kUntested, "the experiment was not run, or not all of it, or only its configuration was"}};

// Adds the rules of the verdicts.
void add_rules(Html& html) {
  const Details details(html, "The rules of the verdicts");
  const Element list(html, "dl");
  for (const auto& [verdict, rule] : kRules) {
    {
      const Element term(html, "dt");
      add_verdict(html, verdict);
    }
    html.element("dd", rule);
  }
}

// Adds the words and what they mean.
void add_words(Html& html, const Glossary& glossary) {
  if (glossary.empty()) return;
  const Details details(html, "The words");
  const Element list(html, "dl");
  for (const auto& [term, meaning] : glossary) {
    html.element("dt", term);
    html.element("dd", meaning);
  }
}

}  // namespace

void add_guide(Html& html, const Glossary& glossary) {
  html.element(
      "p",
      "Effects in nats are differences of the last validation loss: + is worse, − is better. "
      "Where they are of something else, the line says of what. In brackets is the interval: 95 %, "
      "or more where Holm "
      "adjusts it for the other claims tried of the same paper; over seeds, where the "
      "rows are averaged within a seed first. A second interval, of 90 %, is that of "
      "TOST, two one-sided tests that say \"no difference\".");
  add_rules(html);
  add_words(html, glossary);
}

}  // namespace steepest::trainer
