// SPDX-License-Identifier: Apache-2.0
// Named tensors in the safetensors format, readable by every program that knows it; files written
// here also carry CRC-32s of the header and of the data, so that any damaged byte is found.
#pragma once

#include <string>

#include "steepest/io/file_error.h"
#include "steepest/io/named_tensors.h"

namespace steepest {

// Writes the tensors and the metadata as one file, atomic and durable (steepest/io/atomic_file.h):
// float64/32/16, bfloat16, int64/32/16/8, uint8 and bool tensors of any strides and device. Throws
// FileError; the file that was there is then unchanged.
void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const Metadata& metadata = {});

// Reads a file: its tensors, new ones on the CPU, in the order of the header, and its metadata
// without checksums. Throws FileError, with the tensor or the offset, where the file breaks the
// format or does not match its checksums. Files without checksums are accepted.
SafeTensors read_safetensors(const std::string& path);

}  // namespace steepest
