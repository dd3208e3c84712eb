// SPDX-License-Identifier: Apache-2.0
// A JSON object of a file whose fields may be missing, but not be something else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/sweep/sweep_spec.h"

namespace steepest::trainer {

class Fields {
 public:
  // `where` stands for the object in messages: the file, with the place in it. Keeps a reference.
  // Throws RunError where it is no object.
  Fields(const SweepValue& json, const std::string& where);

  // Returns the text under this name; "" where there is none or null.
  std::string text(const char* name) const;
  // Returns the number under this name; nothing where there is none, null or, with `or_text`, a
  // text.
  std::optional<double> number(const char* name, bool or_text = false) const;
  // Returns a whole number, or how many entries a list or an object has; nothing where there is
  // none.
  std::optional<int64_t> count(const char* name) const;
  // Returns the objects of the list under this name, each with its place in messages.
  std::vector<Fields> objects(const char* name) const;
  // Returns the object under this name; nothing where there is none or null.
  std::optional<Fields> object(const char* name) const;
  // Returns the texts of the list under this name.
  std::vector<std::string> texts(const char* name) const;
  // Returns the lists of numbers in the list under this name; null among the numbers is NaN.
  std::vector<std::vector<double>> lists(const char* name) const;
  // Whether there is something else than null under this name.
  bool has(const char* name) const { return find(name) != nullptr; }
  // Returns what is under this name; nullptr where there is nothing or null.
  const SweepValue* find(const char* name) const;

 private:
  // The list under this name; an empty one where there is none or null.
  const SweepValue& list(const char* name) const;
  // Throws RunError: what was received under the name, and what is allowed.
  [[noreturn]] void refuse(const char* name, const char* allowed) const;

  const SweepValue& json_;
  std::string where_;
};

// Returns the JSON of a file. Throws RunError with the file and the byte where it is none,
// FileError where it cannot be read.
SweepValue read_json(const std::string& path);

}  // namespace steepest::trainer
