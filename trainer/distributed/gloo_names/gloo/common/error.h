// SPDX-License-Identifier: Apache-2.0
// torch ships ProcessGroupGloo.hpp without the headers of Gloo that it includes. It needs of them
// nothing of this one.
#pragma once
