// SPDX-License-Identifier: Apache-2.0
// Questions with several completions, as llm.c writes HellaSwag: 256 int32 {20240522, 1, count,
// longest, 0..}, then for each question uint16 {65535, bytes, number, label, completions, n, the
// context's n tokens, and for each completion its n and its n tokens}.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/data/fingerprint.h"

namespace steepest::trainer {

struct Question {
  int64_t label = 0;  // which completion is right
  std::vector<int64_t> context;
  std::vector<std::vector<int64_t>> completions;
};

// The questions of a file. Throws DataError where it is damaged, where a token is beyond the
// vocabulary, and where a question has more tokens than a model of so many takes.
std::vector<Question> read_questions(const std::string& path, int64_t vocab, int64_t context);

// The file as what a run's data are compared by.
DataFile question_file(const std::string& path);

}  // namespace steepest::trainer
