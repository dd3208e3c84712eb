# SPDX-License-Identifier: Apache-2.0
# Options, and `steepest_flags`: what every one of our own compilations gets. It is linked PRIVATE
# everywhere, so nothing of it reaches a program that uses the library.

option(STEEPEST_PCH "Precompile the ATen headers (pays off from about four files on)"
  ${PROJECT_IS_TOP_LEVEL})
option(STEEPEST_UNITY "Compile the library some folders at a time: much sooner built for the first \
time, rebuilt later" OFF)
option(STEEPEST_CCACHE "Compile through ccache where it is installed" ${PROJECT_IS_TOP_LEVEL})
option(STEEPEST_WERROR "Warnings are errors" ${PROJECT_IS_TOP_LEVEL})
option(STEEPEST_OPERATORS "Build the operators that Python loads" ${PROJECT_IS_TOP_LEVEL})
option(STEEPEST_PYTHON_PACKAGE "Install only what the Python package holds (pip does)" OFF)
option(STEEPEST_MANYLINUX "The Python package shall run with glibc 2.28: see cmake/manylinux.cmake" OFF)
option(STEEPEST_TRAINER "Build the command-line trainer" ${PROJECT_IS_TOP_LEVEL})
option(STEEPEST_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(STEEPEST_INSTALL "Write install rules" ${PROJECT_IS_TOP_LEVEL})
set(STEEPEST_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=: address,undefined")

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
if(PROJECT_IS_TOP_LEVEL)  # CMake's own default, -O3, only costs compile time: the work is in torch
  string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
endif()

add_library(steepest_flags INTERFACE)
target_compile_features(steepest_flags INTERFACE cxx_std_20)
target_compile_options(steepest_flags INTERFACE
  -Wall -Wextra $<$<BOOL:${STEEPEST_WERROR}>:-Werror>
  # {.lr = 0.02} with the rest at their defaults is how options are written here.
  -Wno-missing-field-initializers
  # Without it at::parallel_for, a header template, silently runs on one thread.
  -fopenmp
  # Only what STEEPEST_API marks is for other programs: see steepest/base/api.h.
  -fvisibility=hidden -fvisibility-inlines-hidden
  # Everywhere, executables too: one precompiled header serves only compilations of one kind.
  -fPIC)
target_link_options(steepest_flags INTERFACE -fopenmp)

if(STEEPEST_SANITIZE)
  set(sanitize -fsanitize=${STEEPEST_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  # GCC's own words on -Wmaybe-uninitialized: a sanitizer's checks make it warn falsely, in libstdc++'s
  # regex for one.
  target_compile_options(steepest_flags INTERFACE ${sanitize} -g1
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(steepest_flags INTERFACE ${sanitize})
endif()

if(STEEPEST_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(STEEPEST_CCACHE_PROGRAM ccache)
  mark_as_advanced(STEEPEST_CCACHE_PROGRAM)
  if(STEEPEST_CCACHE_PROGRAM)
    # ccache refuses a precompiled header unless told that its macros and time stamps are harmless.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
      ${STEEPEST_CCACHE_PROGRAM})
    if(STEEPEST_PCH)
      target_compile_options(steepest_flags INTERFACE -fpch-preprocess)
    endif()
  endif()
endif()

# One precompiled header for all targets: the first user makes it, the others reuse it. With ALONE a
# file that does not include <ATen/ATen.h> itself does without it, so that every build proves that
# the file brings what it needs: under add_subdirectory there is no precompiled header.
function(steepest_precompile target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ALONE" "" "")
  if(NOT STEEPEST_PCH)
    return()
  endif()
  if(NOT TARGET steepest_pch)
    add_library(steepest_pch OBJECT "${PROJECT_SOURCE_DIR}/cmake/pch.cpp")
    target_link_libraries(steepest_pch PRIVATE steepest_flags LibTorch::torch)
    target_precompile_headers(steepest_pch PRIVATE
      <ATen/ATen.h> <cmath> <map> <memory> <optional> <string> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM steepest_pch)
  if(arg_ALONE)
    get_target_property(sources ${target} SOURCES)
    foreach(source IN LISTS sources)
      if(NOT source MATCHES "\\.cpp$")
        continue()
      endif()
      file(STRINGS "${source}" own REGEX "^#include <ATen/ATen.h>")
      if(NOT own)
        set_source_files_properties("${source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
      endif()
    endforeach()
  endif()
endfunction()

# With STEEPEST_UNITY: compiles the target's sources of each of the named lists of folders in one go,
# so that torch's headers are read a few times in place of a hundred. A folder that is in no list is
# compiled file by file, and so are files with compile options of their own. A test (unity) sees to it
# that the library compiles in this way too: names in anonymous namespaces must differ in a list.
function(steepest_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${STEEPEST_UNITY} UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
    foreach(group IN LISTS ARGN)
      string(REPLACE "+" ";" folders "${group}")
      if(folder IN_LIST folders)
        string(MAKE_C_IDENTIFIER "${group}" group)
        set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "${group}")
      endif()
    endforeach()
  endforeach()
endfunction()

# The .cpp files of folders (of the folder alone, or of all below with RECURSE), without an edit here
# when a file is added.
function(steepest_sources out)
  cmake_parse_arguments(PARSE_ARGV 1 arg "RECURSE" "" "")
  set(glob GLOB)
  if(arg_RECURSE)
    set(glob GLOB_RECURSE)
  endif()
  set(all "")
  foreach(folder IN LISTS arg_UNPARSED_ARGUMENTS)
    file(${glob} files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
    list(APPEND all ${files})
  endforeach()
  set(${out} "${all}" PARENT_SCOPE)
endfunction()
