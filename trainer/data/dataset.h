// SPDX-License-Identifier: Apache-2.0
// Training and validation batches by step number: the position in the data is the step counter, so
// a run resumes exactly, and micro-batches of any size make up the same step.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "trainer/data/batch.h"
#include "trainer/data/completions.h"
#include "trainer/data/fingerprint.h"

namespace steepest::trainer {

// One line: file, what, received, allowed.
struct DataError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

struct DataSpec {
  std::string kind = "text";  // see make_dataset.h
  std::string path;           // text: file, folder or glob; tokens: shard or glob; cifar10: folder
  std::string validation_path;  // tokens: shard or glob; text: optional, in place of a fraction
  std::vector<std::string> extensions;   // text: of a folder's files, {".py"}; empty: every file
  double validation_fraction = 0.05;     // text: of the files, or of the one file's end
  int64_t separator = 0;                 // text: the byte between two files
  std::optional<std::string> hellaswag;  // tokens: llm.c's file of questions; unset: none
  int64_t vocab = 50257;                 // tokens: ids allowed are 0..vocab-1
  int64_t context = 128;                 // text, tokens: tokens a row
  int64_t batch = 32;                    // rows a step, over all micro-batches
  std::string order = "shuffled";        // "shuffled": every item once an epoch; "random": any
                                         // start, with replacement; "sequential": file order
  bool flip = false;                     // images in training: mirrored half of the time
  std::optional<bool> alternating;       // with flip: half of them in each epoch, by turns
  int64_t translate = 0;                 // and shifted by up to so many pixels, edges reflected
  std::optional<int64_t> limit;  // cifar10: training images, the first in file order; unset: all
  std::optional<int64_t> side;   // images: averaged down to side x side; unset: 32 x 32 as they are
  int64_t train_images = 20000, validation_images = 4000;  // procedural
  int64_t modulus = 97;                                    // modular: p of a + b mod p
  double train_fraction = 0.5;  // modular: of the pairs, which training shows
  uint64_t seed = 0;  // of the order and of augmentation; procedural pictures are always the same
  bool accept_changed = false;  // go on with other bytes than the run began with
};

// Immutable once made, safe to read from several threads; the global random generator is not used.
class Dataset {
 public:
  virtual ~Dataset() = default;

  // The batch of rows [row, row + rows) of a step, with augmentation if the split is train. Throws
  // DataError for a negative step, and for rows beyond those of a step, spec().batch.
  Batch batch(Split split, int64_t step, int64_t row, int64_t rows) const;
  // The batch of all rows of a step.
  Batch batch(Split split, int64_t step) const { return batch(split, step, 0, spec_.batch); }

  // The items [i*rows, (i+1)*rows) in file order, without augmentation; the last batch may be
  // shorter. Over i < validation_batches(rows) every item is seen once. Throws DataError for other
  // i.
  Batch validation_batch(int64_t i, int64_t rows) const;
  // The first items of the split in file order, without augmentation: at most so many.
  Batch first_items(Split split, int64_t count) const;
  // How many batches of `rows` rows hold all validation data.
  int64_t validation_batches(int64_t rows) const;

  virtual int64_t size(Split split) const = 0;   // items: non-overlapping windows, or images
  virtual int64_t classes() const = 0;           // size of the vocabulary, or number of labels
  virtual std::string unit() const = 0;          // what a loss is per: "byte", "token", "image"
  virtual int64_t targets() const { return 1; }  // of one item

  // What was read: {"train files", 2300}, {"duplicate files", 12}, ...
  virtual std::vector<std::pair<std::string, int64_t>> counts() const = 0;
  std::string describe() const;  // kind and counts in one line

  // Every file that was read, in its order, training first; none where pictures are drawn.
  const std::vector<DataFile>& files() const { return files_; }

  // All bytes of the split, one after another, for statistics of bytes; empty unless the data are
  // text.
  virtual std::span<const uint8_t> bytes(Split) const { return {}; }

  // Questions with completions, which a validation of a language model answers; empty where
  // spec().hellaswag names none.
  virtual const std::vector<Question>& questions() const;

  // The spec that the data were made from.
  const DataSpec& spec() const { return spec_; }

 protected:
  struct Pick {
    int64_t index;      // of an item, or of a start where Picks::anywhere
    uint64_t seed;      // for augmentation
    int64_t epoch = 0;  // how often the order has gone through all items before
  };
  struct Picks {
    Split split;
    bool anywhere;  // the order is "random": an index counts starts(), else items
    bool augment;   // mirror and shift images
    std::vector<Pick> rows;
  };

  // Keeps the spec; subclasses read and check the data.
  explicit Dataset(DataSpec spec);
  // Sets what files() returns; called by the constructors of subclasses.
  void set_files(std::vector<DataFile> files) { files_ = std::move(files); }
  // Throws DataError where a step's batch has more rows than the training split has items; called
  // by the constructors of subclasses as soon as size() is known.
  void check_batch_size() const;

  // The batch of the picked items, a row each, in their order; on the CPU.
  virtual Batch gather(const Picks& picks) const = 0;
  // At how many positions an item may begin; for each row the order "random" draws one of them.
  // Here one for each item; data that are cut into windows have more.
  virtual int64_t starts(Split split) const { return size(split); }

 private:
  // Chooses what row `row` of a step holds, by the spec's order: the number of an item or, under
  // the order "random", of one of the starts() positions. It is a function of these arguments and
  // the spec's seed. The pick's own seed is for augmentation.
  Pick pick(Split split, int64_t step, int64_t row) const;

  DataSpec spec_;
  std::vector<DataFile> files_;
};

}  // namespace steepest::trainer
