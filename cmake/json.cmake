# SPDX-License-Identifier: Apache-2.0
# nlohmann_json::nlohmann_json: from the system, or from the Python package nlohmann-json, which a
# build by pip brings along.
find_package(nlohmann_json 3.10 QUIET)
if(NOT nlohmann_json_FOUND)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c
      "import importlib.util as u; print(u.find_spec('nlohmann_json').submodule_search_locations[0])"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT EXISTS "${folder}/include/nlohmann/json.hpp")
    message(FATAL_ERROR "No nlohmann/json.hpp found: install nlohmann-json3-dev (Debian) or the "
      "Python package nlohmann-json")
  endif()
  add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED GLOBAL)
  target_include_directories(nlohmann_json::nlohmann_json SYSTEM INTERFACE "${folder}/include")
endif()
