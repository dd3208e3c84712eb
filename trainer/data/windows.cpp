// SPDX-License-Identifier: Apache-2.0
// Windows over runs of tokens.
#include "trainer/data/windows.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <numeric>

namespace steepest::trainer {
namespace {

// Writes n bytes as int64 tokens to `inputs` [n], and the bytes one further on, which are to be
// predicted, to `targets` [n]; `from` has n + 1 bytes.
void copy_bytes(const uint8_t* from, int64_t n, int64_t* inputs, int64_t* targets) {
  std::copy_n(from, n, inputs);
  std::copy_n(from + 1, n, targets);
}

// Writes the source's n tokens from number `first` on to `inputs` [n], and those one further on to
// `targets` [n]. Of the latter only the last is read: the others are in `inputs` already.
void copy_tokens(const TokenSource& source, int64_t first, int64_t n, int64_t* inputs,
                 int64_t* targets) {
  source.read(first, {inputs, static_cast<size_t>(n)});
  std::copy_n(inputs + 1, n - 1, targets);
  source.read(first + n, {targets + n - 1, 1});
}

// Throws DataError where the split has no window, as none of its runs (tokens that follow each
// other) is longer than `context` tokens. `windows` are those of `runs`; the source and the split's
// name are for the message.
void check_long_enough(const WindowDataset::Source& source, const std::vector<Run>& runs,
                       const char* split, const Windows& windows, int64_t context) {
  if (windows.size() > 0) return;
  int64_t longest = 0;
  for (const Run& run : runs) longest = std::max(longest, run.count());
  throw DataError(source.name + ": the " + split + " data are too short, received " +
                  std::to_string(longest) + " " + source.unit + "s in one piece, allowed " +
                  std::to_string(context + 1) + " (model.context + 1) or more");
}

}  // namespace

Windows::Windows(std::vector<Run> runs, int64_t context)
    : runs_(std::move(runs)), context_(context), windows_{0}, starts_{0} {
  for (const Run& run : runs_) {
    windows_.push_back(windows_.back() + std::max<int64_t>(0, (run.count() - 1) / context));
    starts_.push_back(starts_.back() + std::max<int64_t>(0, run.count() - context));
  }
}

void Windows::copy(int64_t index, bool anywhere, int64_t* inputs, int64_t* targets) const {
  const auto& before = anywhere ? starts_ : windows_;
  const auto run = std::upper_bound(before.begin(), before.end(), index) - before.begin() - 1;
  const int64_t first = (index - before[run]) * (anywhere ? 1 : context_);
  const Run& from = runs_[static_cast<size_t>(run)];
  if (from.source) return copy_tokens(*from.source, first, context_, inputs, targets);
  copy_bytes(from.memory.data() + first, context_, inputs, targets);
}

WindowDataset::WindowDataset(const DataSpec& spec, Source source)
    : Dataset(spec),
      source_(std::move(source)),
      train_(source_.train, spec.context),
      validation_(source_.validation, spec.context) {
  set_files(std::move(source_.files));
  check_long_enough(source_, source_.train, "training", train_, spec.context);
  check_long_enough(source_, source_.validation, "validation", validation_, spec.context);
  check_batch_size();
}

std::span<const uint8_t> WindowDataset::bytes(Split split) const {
  const auto& runs = split == Split::train ? source_.train : source_.validation;
  if (runs.size() != 1) return {};
  return runs[0].memory;
}

Batch WindowDataset::gather(const Picks& picks) const {
  const int64_t rows = static_cast<int64_t>(picks.rows.size()), context = spec().context;
  Batch batch{at::empty({rows, context}, at::kLong), at::empty({rows, context}, at::kLong)};
  int64_t* inputs = batch.inputs.mutable_data_ptr<int64_t>();
  int64_t* targets = batch.targets.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < rows; ++i)
    windows(picks.split)
        .copy(picks.rows[i].index, picks.anywhere, inputs + i * context, targets + i * context);
  return batch;
}

}  // namespace steepest::trainer
