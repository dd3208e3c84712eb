// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/metrics.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "steepest/io/atomic_file.h"
#include "trainer/run/bounded_json.h"

namespace steepest::trainer {
namespace {

// A line may name every parameter of a large model; none of ours is longer than this.
constexpr size_t kMaxLine = size_t{16} << 20, kChunk = size_t{1} << 16;

// Nor does a power failure leave more zeros than this: a sparse file may be endless to read.
constexpr uint64_t kMaxZeros = uint64_t{1} << 30;

// The step that a line of metrics tells; nothing where the line is broken.
std::optional<int64_t> step_of_line(std::string_view line) {
  const auto json = parse_bounded(line, 8);  // no line of ours nests so deeply
  if (!json || !json->is_object()) return std::nullopt;
  const auto step = json->find("step");
  if (step == json->end() || !step->is_number_integer()) return std::nullopt;
  return step->get<int64_t>();
}

// Whether the text, the end of a file and not empty, can be the beginning of a line of metrics that
// something cut off. Zeros are what a power failure leaves of bytes that were not yet on the disk.
bool is_cut_line(std::string_view text) {
  const std::string_view start = R"({"step":)";
  const size_t length = std::min(text.size(), start.size());
  const bool ours = text.size() <= kMaxLine && text.substr(0, length) == start.substr(0, length);
  return ours || text.front() == '\0';
}

// Walks over a file's lines with the memory of one.
class Lines {
 public:
  // Opens the file before its first line; throws FileError, for a link too.
  explicit Lines(const std::string& path) : file_(path, O_RDONLY | O_NOFOLLOW) {}

  // Goes to the next line, which line() then gives without its newline; returns false at the end of
  // the file. whole() is then false for a last line without a newline, and for one longer than any
  // of ours, of which only the beginning is kept. Stops at a line that is longer than kMaxZeros
  // bytes, which endless() tells.
  bool next() {
    begin_ = end_, line_.clear(), whole_ = false;
    for (;;) {
      const size_t stop = buffer_.find('\n', at_);
      const size_t length = std::min(stop, buffer_.size()) - at_;
      line_.append(buffer_, at_, std::min(length, kMaxLine + 1 - line_.size()));
      at_ += length, end_ += length;
      if (stop != std::string::npos) {
        ++at_, ++end_, ++line_number_;
        whole_ = line_.size() <= kMaxLine;
        return ended_ = true;
      }
      endless_ = end_ - begin_ > kMaxZeros;
      if (endless_) return !(ended_ = false);
      buffer_.resize(kChunk), at_ = 0;
      buffer_.resize(file_.read_some(buffer_.data(), kChunk));
      if (buffer_.empty()) return ended_ = false, !line_.empty();
    }
  }

  // The line that next() has gone to, without its newline; the accessors below tell of the same
  // line.
  const std::string& line() const { return line_; }
  // Whether the line ends with a newline and is no longer than any of the trainer's own.
  bool whole() const { return whole_; }
  // Whether the line ends with a newline.
  bool ended() const { return ended_; }
  // Whether the line is too long to look for its end.
  bool endless() const { return endless_; }
  // The line's offset in the file, in bytes.
  uint64_t begin() const { return begin_; }
  // The number of lines with a newline so far: that of this line, from 1, if it has one.
  size_t line_number() const { return line_number_; }

 private:
  File file_;
  std::string buffer_, line_;
  size_t at_ = 0, line_number_ = 0;
  uint64_t begin_ = 0, end_ = 0;
  bool whole_ = false, ended_ = true, endless_ = false;
};

// How many bytes of the file to keep: the lines before the first of a later step than `step`,
// without a last one that was cut off. Throws FileError for a line before that which is not one of
// metrics, or a file that cannot be read.
uint64_t bytes_up_to(const std::string& path, int64_t step) {
  const auto refuse = [&](size_t number) {
    throw FileError(path + ":" + std::to_string(number) +
                    ": not a line of metrics: repair or remove the file, then resume");
  };
  Lines lines(path);
  while (lines.next()) {
    if (!lines.ended()) {
      if (lines.endless() || !is_cut_line(lines.line())) refuse(lines.line_number() + 1);
      return lines.begin();
    }
    const auto found = lines.whole() ? step_of_line(lines.line()) : std::nullopt;
    if (!found) refuse(lines.line_number());
    if (*found > step) return lines.begin();
  }
  return lines.begin();
}

// Puts a copy of the file's first `size` bytes in its place, for the run to go on in: other names
// of the same file (hard links) keep what they have.
void replace_by_copy(const std::string& path, uint64_t size) {
  File from(path, O_RDONLY | O_NOFOLLOW);
  AtomicFile copy(path, Links::refuse);
  std::string buffer(kChunk, '\0');
  for (uint64_t left = size; left > 0;) {
    const size_t part = std::min<uint64_t>(left, kChunk);
    from.read_all(buffer.data(), part);
    copy.write(buffer.data(), part);
    left -= part;
  }
  copy.commit();
}

}  // namespace

Metrics Metrics::create(const std::string& path) {
  return Metrics(std::make_unique<File>(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW));
}

Metrics Metrics::resume(const std::string& path, int64_t step) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW;
  auto file = std::make_unique<File>(path, kFlags);
  const uint64_t kept = bytes_up_to(path, step);
  struct stat info {};
  system_call("examine", path, [&] { return ::fstat(file->descriptor(), &info); });
  if (info.st_nlink > 1) {
    replace_by_copy(path, kept);
    return Metrics(std::make_unique<File>(path, kFlags));
  }
  if (kept != static_cast<uint64_t>(info.st_size)) {
    system_call("shorten", path,
                [&] { return ::ftruncate(file->descriptor(), static_cast<off_t>(kept)); });
  }
  return Metrics(std::move(file));
}

void Metrics::write(const nlohmann::ordered_json& line) {
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  const off_t before = ::lseek(file_->descriptor(), 0, SEEK_END);
  try {
    file_->write_all(text.data(), text.size());
  } catch (const FileError&) {
    (void)!::ftruncate(file_->descriptor(), before);
    throw;
  }
}

}  // namespace steepest::trainer
