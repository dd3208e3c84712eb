// SPDX-License-Identifier: Apache-2.0
// toml++, whose assertions are about what a file may hold: they would end the program, and clang
// takes them for promises where NDEBUG is set. Behind each of them the parser refuses by itself.
#pragma once

#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")
