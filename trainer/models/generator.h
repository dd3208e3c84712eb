// SPDX-License-Identifier: Apache-2.0
// A random generator of one's own, on any device.
#pragma once

#include <ATen/core/Generator.h>

#include <cstdint>

namespace steepest::trainer {

// A new random generator on the device, apart from torch's global one.
at::Generator make_generator(at::Device device, uint64_t seed);

}  // namespace steepest::trainer
