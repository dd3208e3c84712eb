// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/catalog.h"

namespace steepest {
namespace norms {
#define NORM(name) NormEntry name();
#include "steepest/norms/catalog.inc"
#undef NORM
}  // namespace norms

namespace {

// Returns the norm that one term of a norm's text names, "ky_fan(k=8)"; the term's weight is not
// read. Throws c10::ValueError on an unknown name or argument.
NormPtr make_single_norm(const Spec& spec, const Solvers& solvers) {
  return find_entry(norm_catalog(), spec, "norm").make(spec, solvers);
}

}  // namespace

// Each line of catalog.inc names a function that returns an entry.
const std::vector<NormEntry>& norm_catalog() {
  static const std::vector<NormEntry> catalog = {
#define NORM(name) norms::name(),
#include "steepest/norms/catalog.inc"
#undef NORM
  };
  return catalog;
}

// Returns the names of all norms, in the catalog's order, without arguments: "spectral", "ky_fan".
std::vector<std::string> norm_names() {
  std::vector<std::string> names;
  for (const auto& entry : norm_catalog()) names.push_back(entry.name);
  return names;
}

// Returns the norm that a text in the grammar of norms names: "ky_fan(k=8)", or a sum of weighted
// terms, "0.5*spectral+0.5*inf". A single term of weight 1 gives that norm itself, all else a
// mixture. Throws c10::ValueError on an unknown name or argument.
NormPtr make_norm(const std::string& text, const Solvers& solvers) {
  const auto terms = parse_mixture(text);
  if (terms.size() == 1 && terms[0].weight == 1) return make_single_norm(terms[0], solvers);
  return make_mixture(terms, solvers);
}

}  // namespace steepest
