// SPDX-License-Identifier: Apache-2.0
// Windows of `context` tokens (and the next ones as targets) over runs of bytes or of tokens.
#pragma once

#include <memory>

#include "trainer/data/dataset.h"

namespace steepest::trainer {

// Consecutive tokens, wherever they are.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual int64_t count() const = 0;  // of its tokens
  // Tokens [first, first + out.size()). Throws DataError where they cannot be had any more.
  virtual void read(int64_t first, std::span<int64_t> out) const = 0;
};

// A window never crosses from one run to the next.
struct Run {
  std::span<const uint8_t> memory;            // one byte a token; or
  std::shared_ptr<const TokenSource> source;  // tokens that stay in their file
  int64_t count() const { return source ? source->count() : static_cast<int64_t>(memory.size()); }
};

class Windows {
 public:
  // Counts the windows of `context` tokens in each run.
  Windows(std::vector<Run> runs, int64_t context);

  int64_t size() const { return windows_.back(); }   // window w of a run starts at w * context
  int64_t starts() const { return starts_.back(); }  // every start that leaves room for a window

  // Writes the `context` tokens of window number `index`, or with `anywhere` of start number
  // `index`, to `inputs`, and the tokens one further on to `targets`.
  void copy(int64_t index, bool anywhere, int64_t* inputs, int64_t* targets) const;

 private:
  std::vector<Run> runs_;
  int64_t context_;
  std::vector<int64_t> windows_, starts_;  // how many before each run, and in all
};

class WindowDataset : public Dataset {
 public:
  struct Source {
    std::vector<Run> train, validation;
    std::shared_ptr<const void> owner;  // of the runs' memory
    int64_t classes = 0;
    std::string unit, name;  // name: for errors
    std::vector<std::pair<std::string, int64_t>> counts;
    std::vector<DataFile> files;
  };
  // Throws DataError where a split has no window, or fewer than a batch has rows.
  WindowDataset(const DataSpec& spec, Source source);

  int64_t size(Split split) const override { return windows(split).size(); }
  int64_t classes() const override { return source_.classes; }
  std::string unit() const override { return source_.unit; }
  std::vector<std::pair<std::string, int64_t>> counts() const override { return source_.counts; }
  // The split as one run of bytes; empty unless the data are text.
  std::span<const uint8_t> bytes(Split split) const override;

 protected:
  Batch gather(const Picks& picks) const override;
  int64_t starts(Split split) const override { return windows(split).starts(); }

 private:
  const Windows& windows(Split split) const { return split == Split::train ? train_ : validation_; }

  Source source_;
  Windows train_, validation_;
};

}  // namespace steepest::trainer
