// SPDX-License-Identifier: Apache-2.0
// llm.c's files of questions with completions, whole and damaged.
#include "trainer/data/completions.h"

#include <cstring>

#include "tests/trainer_data/data.h"

namespace steepest::trainer {
namespace {

using namespace test;

using Words = std::vector<uint16_t>;

// The words of a question of two completions; its third word is its number.
Words question(uint16_t number) {
  Words words = {65535, 0, number, 1, 2, 3, 10, 11, 12, 1, 20, 2, 30, 31};
  words[1] = static_cast<uint16_t>(2 * words.size());
  return words;
}

// Writes a file of this header and these words.
std::string file_of(const Folder& folder, std::vector<int32_t> header, const Words& words) {
  header.resize(256);
  std::string bytes(1024 + 2 * words.size(), '\0');
  std::memcpy(bytes.data(), header.data(), 1024);
  std::memcpy(bytes.data() + 1024, words.data(), 2 * words.size());
  spill(folder / "questions.bin", bytes);
  return folder / "questions.bin";
}

Words two_questions() {
  Words words = question(0);
  for (const uint16_t word : question(1)) words.push_back(word);
  return words;
}

TEST(Completions, AreRead) {
  const Folder folder;
  const auto path = file_of(folder, {20240522, 1, 2, 28}, two_questions());
  const auto questions = read_questions(path, 40, 4);
  ASSERT_EQ(questions.size(), 2u);
  for (const auto& one : questions) {
    EXPECT_EQ(one.label, 1);
    EXPECT_EQ(one.context, (std::vector<int64_t>{10, 11, 12}));
    EXPECT_EQ(one.completions, (std::vector<std::vector<int64_t>>{{20}, {30, 31}}));
  }
  const auto file = question_file(path);
  EXPECT_EQ(file.split, Split::validation);
  EXPECT_EQ(file.name, "questions.bin");
  EXPECT_EQ(file.size, 1024u + 56);
}

TEST(Completions, DamagedFilesAreOneLine) {
  const Folder folder;
  const auto refused = [&](const std::vector<int32_t>& header, const Words& words, int64_t vocab,
                           int64_t context, const std::string& part) {
    const auto path = file_of(folder, header, words);
    const std::string text = error_of([&] { read_questions(path, vocab, context); });
    EXPECT_TRUE(steepest::test::one_line(text)) << text;
    EXPECT_TRUE(text.starts_with(path + ": ")) << text;
    EXPECT_NE(text.find(part), text.npos) << part << " in: " << text;
  };
  const std::vector<int32_t> good = {20240522, 1, 2, 28};
  refused({20240520, 1, 2}, two_questions(), 40, 4, "wrong magic number, received 20240520");
  refused({20240522, 2, 2}, two_questions(), 40, 4, "unknown version, received 2, allowed 1");
  refused({20240522, 1, 0}, {}, 40, 4, "received 0, allowed 1 or more");
  refused({20240522, 1, 3}, two_questions(), 40, 4, "question 2: start mark: received 0, allowed");
  refused({20240522, 1, 1}, two_questions(), 40, 4, "behind its last question, received 28");
  refused(good, two_questions(), 31, 4,
          "question 0: completion, token: received 31, allowed 0..30");
  refused(good, two_questions(), 40, 3,
          "question 0: tokens: received 4, allowed at most model.context = 3");
  // In the second question: word 14 is its mark.
  const auto changed = [](size_t place, uint16_t value) {
    Words words = two_questions();
    words[place] = value;
    return words;
  };
  refused(good, changed(14, 7), 40, 4, "question 1: start mark: received 7, allowed 65535");
  refused(good, changed(15, 30), 40, 4, "question 1: bytes: received 30, allowed 28");
  refused(good, changed(16, 0), 40, 4, "question 1: number: received 0, allowed 1..1");
  refused(good, changed(17, 2), 40, 4, "question 1: label: received 2, allowed 0..1");
  refused(good, changed(18, 1), 40, 4, "question 1: completions: received 1, allowed 2..100");
  refused(good, changed(19, 0), 40, 4, "question 1: context, count: received 0");
  refused(good, changed(25, 60), 40, 4, "question 1: completion, token: received 0, allowed more");
  spill(folder / "questions.bin", std::string(1000, 'x'));
  EXPECT_NE(error_of([&] { read_questions(folder / "questions.bin", 40, 4); }).find("shorter"),
            std::string::npos);
}

}  // namespace
}  // namespace steepest::trainer
