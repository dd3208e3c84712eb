// SPDX-License-Identifier: Apache-2.0
// Which bytes a run learns from: kept in its checkpoints, and compared when it goes on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/data/batch.h"

namespace steepest::trainer {

// A file as it was taken: size and CRC-32 are those of all its bytes; of images, of the records
// that data.limit leaves, as data.side averages them. The order of the files counts, their names do
// not: moved or renamed data with the same content are the same data.
struct DataFile {
  Split split = Split::train;  // of a file that is cut into both: train
  std::string name;            // relative to the data's folder
  std::string path;            // for messages; "" in what a checkpoint tells
  uint64_t size = 0;
  std::string crc32;
};

// The files as text for a checkpoint, a line each; read_fingerprint of it gives the same files but
// for their paths. Names are escaped where they hold control characters or bytes that are not
// UTF-8.
std::string fingerprint(const std::vector<DataFile>& files);
// The files, without paths, that the text tells, as fingerprint() has written it.
std::vector<DataFile> read_fingerprint(const std::string& text);

// One line on the first difference of the data `now` from those `then`, at the run's start; ""
// where they are the same bytes in the same order. Where one file alone differs, it is named,
// whatever its name was; else files are matched by their names, and by their order where the names
// show no difference.
std::string data_difference(const std::vector<DataFile>& now, const std::vector<DataFile>& then);

}  // namespace steepest::trainer
