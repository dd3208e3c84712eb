// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace steepest::trainer {

constexpr char kVersion[] = "0.1.0";

}  // namespace steepest::trainer
