# SPDX-License-Identifier: Apache-2.0
# With STEEPEST_MANYLINUX: what the wheel holds runs with glibc 2.28 and the libstdc++ of GCC 8, as
# torch itself does, whatever it was built with. Newer functions of glibc are replaced
# (manylinux/old_glibc.c), newer ones of libstdc++ are linked in, from its archive or compiled from
# its headers (manylinux/newer_stdcxx.cpp).
enable_language(C)
set(objects floating_from_chars.o floating_to_chars.o memory_resource.o)
execute_process(COMMAND "${CMAKE_CXX_COMPILER}" -print-file-name=libstdc++.a
  OUTPUT_VARIABLE libstdcxx OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/newer_stdcxx")
execute_process(COMMAND "${CMAKE_AR}" x "${libstdcxx}" ${objects}
  WORKING_DIRECTORY "${PROJECT_BINARY_DIR}/newer_stdcxx" COMMAND_ERROR_IS_FATAL ANY)
list(TRANSFORM objects PREPEND "${PROJECT_BINARY_DIR}/newer_stdcxx/")
add_library(steepest_newer_stdcxx STATIC
  "${PROJECT_SOURCE_DIR}/cmake/manylinux/newer_stdcxx.cpp" ${objects})
target_compile_features(steepest_newer_stdcxx PRIVATE cxx_std_20)
target_compile_options(steepest_newer_stdcxx PRIVATE -O2 -fPIC)

function(steepest_manylinux target)
  add_library(${target}_old_glibc OBJECT "${PROJECT_SOURCE_DIR}/cmake/manylinux/old_glibc.c")
  target_compile_options(${target}_old_glibc PRIVATE -O2 -fPIC -fvisibility=hidden -fno-builtin
    -Wno-maybe-uninitialized)  # of pthread_setspecific, which does not read what it is given
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    target_compile_definitions(${target}_old_glibc PRIVATE OLD_GLIBC_PROGRAM)
  endif()
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_old_glibc>)
  # Whole, as static libraries that need it may stand behind it.
  set(archive "$<TARGET_FILE:steepest_newer_stdcxx>")
  target_link_options(${target} PRIVATE "LINKER:--whole-archive,${archive},--no-whole-archive")
  add_dependencies(${target} steepest_newer_stdcxx)
  target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL)
endfunction()

steepest_manylinux(steepest_ops)
if(TARGET steepest_cli)
  steepest_manylinux(steepest_cli)
endif()
