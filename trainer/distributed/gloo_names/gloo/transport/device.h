// SPDX-License-Identifier: Apache-2.0
// torch ships ProcessGroupGloo.hpp without the headers of Gloo that it includes. It needs of them
// these names.
#pragma once

namespace gloo::transport {

class Device;
class UnboundBuffer;

}  // namespace gloo::transport
