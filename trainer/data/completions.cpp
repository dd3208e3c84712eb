// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/completions.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "steepest/io/file_io.h"
#include "trainer/data/files.h"

namespace steepest::trainer {
namespace {

constexpr int32_t question_magic = 20240522, question_version = 1;
constexpr size_t question_header = 1024;
constexpr int64_t start_mark = 65535;

// The words of one file after its header, read from the front, with messages that name the file and
// the question.
class Words {
 public:
  // Reads the words of `content`, the whole file at `path`.
  Words(const std::string& path, const std::vector<uint8_t>& content)
      : path_(path), left_((content.size() - question_header) / 2) {
    next_ = content.data() + question_header;
  }

  // Goes to the question of this number; messages name it from then on.
  void begin(int64_t number) { number_ = number; }
  // How many words are left.
  size_t left() const { return left_; }
  // Throws DataError: the file, the question, what was received and what is allowed.
  [[noreturn]] void refuse(const std::string& what, int64_t received,
                           const std::string& allowed) const {
    throw DataError(path_ + ": question " + std::to_string(number_) + ": " + what + ": received " +
                    std::to_string(received) + ", allowed " + allowed);
  }
  // The next word, which has to lie in low..high.
  int64_t take(const std::string& what, int64_t low, int64_t high) {
    if (left_ == 0) refuse(what, 0, "more words: the file ends within the question");
    uint16_t word = 0;
    std::memcpy(&word, next_, sizeof word);
    next_ += sizeof word, --left_;
    if (word < low || word > high)
      refuse(what, word, std::to_string(low) + ".." + std::to_string(high));
    return word;
  }
  // The next words: how many tokens there are, 1 or more, and these.
  std::vector<int64_t> take_tokens(const std::string& what, int64_t vocab) {
    std::vector<int64_t> tokens(static_cast<size_t>(take(what + ", count", 1, start_mark)));
    for (auto& token : tokens) token = take(what + ", token", 0, vocab - 1);
    return tokens;
  }

 private:
  std::string path_;
  const uint8_t* next_;
  size_t left_;
  int64_t number_ = 0;
};

// The next question of the file, the one of this number.
Question take_question(Words& words, int64_t number, int64_t vocab, int64_t context) {
  words.begin(number);
  const size_t before = words.left();
  words.take("start mark", start_mark, start_mark);
  const int64_t bytes = words.take("bytes", 0, start_mark);
  words.take("number", number & 0xffff, number & 0xffff);
  Question question{.label = words.take("label", 0, start_mark)};
  const int64_t count = words.take("completions", 2, 100);
  if (question.label >= count)
    words.refuse("label", question.label, "0.." + std::to_string(count - 1));
  question.context = words.take_tokens("context", vocab);
  for (int64_t i = 0; i < count; ++i) {
    question.completions.push_back(words.take_tokens("completion", vocab));
    // The last token is told by those before it, and is no input.
    const auto tokens =
        static_cast<int64_t>(question.context.size() + question.completions.back().size() - 1);
    if (tokens > context)
      words.refuse("tokens", tokens, "at most model.context = " + std::to_string(context));
  }
  if (bytes != static_cast<int64_t>(2 * (before - words.left())))
    words.refuse("bytes", bytes, std::to_string(2 * (before - words.left())) + ", its own");
  return question;
}

// Throws DataError unless the number at this place of the header is the one allowed.
void check_header(const std::string& path, const char* what, int32_t received, int32_t allowed) {
  if (received != allowed)
    throw DataError(path + ": " + what + ", received " + std::to_string(received) + ", allowed " +
                    std::to_string(allowed));
}

}  // namespace

std::vector<Question> read_questions(const std::string& path, int64_t vocab, int64_t context) {
  std::vector<uint8_t> content;
  append_file(path, content);
  if (content.size() < question_header)
    throw DataError(path + ": shorter than its header, received " + std::to_string(content.size()) +
                    " bytes, allowed 1024 or more");
  int32_t header[3];
  std::memcpy(header, content.data(), sizeof header);
  check_header(path, "wrong magic number", header[0], question_magic);
  check_header(path, "unknown version", header[1], question_version);
  if (header[2] < 1)
    throw DataError(path + ": questions in the header, received " + std::to_string(header[2]) +
                    ", allowed 1 or more");
  Words words(path, content);
  std::vector<Question> questions;
  for (int64_t i = 0; i < header[2]; ++i)
    questions.push_back(take_question(words, i, vocab, context));
  if (words.left() > 0 || content.size() % 2 != 0)
    throw DataError(path + ": bytes behind its last question, received " +
                    std::to_string(2 * words.left() + content.size() % 2) + ", allowed 0");
  return questions;
}

DataFile question_file(const std::string& path) {
  std::vector<uint8_t> content;
  append_file(path, content);
  const std::string name = path.substr(path.rfind('/') + 1);
  return {Split::validation, name, path, content.size(),
          crc32_text(crc32_of(content.data(), content.size()))};
}

}  // namespace steepest::trainer
