// SPDX-License-Identifier: Apache-2.0
#include <c10/util/Exception.h>

#include "steepest/norms/catalog.h"

namespace steepest {
namespace norms {
#define NORM(name) NormEntry name();
#include "steepest/norms/catalog.inc"
#undef NORM
}  // namespace norms

namespace {

NormPtr make_one(const Spec& spec, const Solvers& solvers) {
  for (const auto& entry : norm_catalog()) {
    if (entry.name != spec.name) continue;
    allow_arguments(spec, entry.arguments);
    return entry.make(spec, solvers);
  }
  TORCH_CHECK_VALUE(false, "norm: received ", shown(spec.name), ", allowed ", join(norm_names()),
                    nearest(spec.name, norm_names()));
}

}  // namespace

const std::vector<NormEntry>& norm_catalog() {
  static const std::vector<NormEntry> catalog = {
#define NORM(name) norms::name(),
#include "steepest/norms/catalog.inc"
#undef NORM
  };
  return catalog;
}

// Lists the names in the catalog's order.
std::vector<std::string> norm_names() {
  std::vector<std::string> names;
  for (const auto& entry : norm_catalog()) names.push_back(entry.name);
  return names;
}

// A single term of weight 1 is that norm itself; all else is a mixture of norms.
NormPtr make_norm(const std::string& text, const Solvers& solvers) {
  const auto terms = parse_mixture(text);
  if (terms.size() == 1 && terms[0].weight == 1) return make_one(terms[0], solvers);
  return make_mixture(terms, solvers);
}

}  // namespace steepest
