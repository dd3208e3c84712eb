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
  // The number of tokens, of a file (`source`) or of bytes in memory.
  int64_t count() const { return source ? source->count() : static_cast<int64_t>(memory.size()); }
};

class Windows {
 public:
  // Takes the runs, each of tokens that follow each other, and counts in each the windows of
  // `context` tokens that do not overlap, and the tokens at which a window may start. Behind each
  // window there is one more token, its last target.
  Windows(std::vector<Run> runs, int64_t context);

  // The number of windows of all runs that do not overlap: window w of a run starts at its token w
  // * context.
  int64_t size() const { return windows_.back(); }
  // The number of tokens, over all runs, at which a window may start, with room in the run for it
  // and the token after it.
  int64_t starts() const { return starts_.back(); }

  // Writes a window's tokens to `inputs` [context], and the tokens one further on to `targets`
  // [context]: of window number `index` out of size(), or with `anywhere` of the window that begins
  // at start number `index` out of starts().
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
    std::vector<Question> questions;
  };
  // Makes the dataset of the windows in the source's runs. Throws DataError where a split has no
  // window, or training has fewer than a batch has rows.
  WindowDataset(const DataSpec& spec, Source source);

  // The number of windows of the split that do not overlap.
  int64_t size(Split split) const override { return windows(split).size(); }
  // The size of the vocabulary: a token is 0 to one less.
  int64_t classes() const override { return source_.classes; }
  // What a loss is the mean over: "byte" or "token".
  std::string unit() const override { return source_.unit; }
  // Each token of a window has the next one as its target.
  int64_t targets() const override { return spec().context; }
  // What was read, as names and numbers for describe(), such as {"train files", 2300}.
  std::vector<std::pair<std::string, int64_t>> counts() const override { return source_.counts; }
  // The questions that were read beside the tokens.
  const std::vector<Question>& questions() const override { return source_.questions; }
  // All bytes of the split, for statistics of bytes; empty unless the data are text, which is in
  // memory.
  std::span<const uint8_t> bytes(Split split) const override;

 protected:
  // The batch of the picked windows, a row each: their tokens as inputs, and as targets the tokens
  // one further on, both [rows, context] int64.
  Batch gather(const Picks& picks) const override;
  // The number of tokens of the split at which a window may start, of which the order "random"
  // draws.
  int64_t starts(Split split) const override { return windows(split).starts(); }

 private:
  // The windows of the split.
  const Windows& windows(Split split) const { return split == Split::train ? train_ : validation_; }

  Source source_;
  Windows train_, validation_;
};

}  // namespace steepest::trainer
