// SPDX-License-Identifier: Apache-2.0
// What libsteepest.so shows: the library is compiled with hidden symbols, and a header that is
// installed opens its namespace with STEEPEST_API, which shows what it declares.
#pragma once

#define STEEPEST_API [[gnu::visibility("default")]]
