// SPDX-License-Identifier: Apache-2.0
// What C++20 calls for stream.str(), which the libstdc++ of GCC 8 does not have. Its object in
// libstdc++.a has the name of another one, by which CMake could not take it out.
#include <sstream>

template std::string std::basic_stringbuf<char>::str() const&;
template std::string std::basic_stringstream<char>::str() const&;
template std::string std::basic_ostringstream<char>::str() const&;
template std::string std::basic_istringstream<char>::str() const&;
