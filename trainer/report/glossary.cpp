// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/glossary.h"

#include <unistd.h>

#include "trainer/report/fields.h"

namespace steepest::trainer {

Glossary read_glossary(const std::string& folder) {
  const std::string path = folder + "/glossary.json";
  if (::access(path.c_str(), F_OK) != 0) return {};
  const auto json = read_json(path);
  const Fields fields(json, path);
  Glossary glossary;
  for (const auto& [term, meaning] : json.items())
    glossary.emplace_back(term, fields.text(term.c_str()));
  return glossary;
}

}  // namespace steepest::trainer
