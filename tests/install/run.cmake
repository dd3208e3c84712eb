# SPDX-License-Identifier: Apache-2.0
# cmake -D CASE=... -P run.cmake: uses the library as another project does. Called by ctest.

set(scratch "${BUILD}/tests/install")
set(prefix "${scratch}/prefix")
set(here "${scratch}/${CASE}")
get_filename_component(probe "${CMAKE_CURRENT_LIST_DIR}/probe" ABSOLUTE)
set(consumer "${SOURCE}/examples/consumer")
set(with_python "-DPython3_EXECUTABLE=${PYTHON}")

# The environment must not help: what is found is found by what the case passes.
foreach(name CMAKE_PREFIX_PATH LIBTORCH_ROOT LibTorch_ROOT Torch_ROOT steepest_DIR steepest_ROOT)
  unset(ENV{${name}})
endforeach()

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# configure(SOURCE REGEX ARGS...): the output must match; it must fail if REGEX begins with "Error".
function(configure source expected)
  file(REMOVE_RECURSE "${here}")
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${source} -B ${here} -G Ninja
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release ${ARGN}
    RESULT_VARIABLE rc OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  string(REGEX REPLACE "[ \n]+" " " output "${output}")  # CMake wraps long messages
  string(REGEX REPLACE "^Error: " "" text "${expected}")
  if(NOT output MATCHES "${text}")
    message(FATAL_ERROR "configuring should have said: ${text}")
  endif()
  if(expected MATCHES "^Error: " AND rc EQUAL 0)
    message(FATAL_ERROR "configuring should have failed")
  elseif(NOT expected MATCHES "^Error: " AND NOT rc EQUAL 0)
    message(FATAL_ERROR "configuring failed")
  endif()
endfunction()

file(STRINGS "${BUILD}/steepestConfig.cmake" series REGEX "built with torch [0-9.]+,")
string(REGEX MATCH "[0-9]+\\.[0-9]+" series "${series}")

if(CASE STREQUAL "install")
  file(REMOVE_RECURSE "${prefix}")
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --config "${CONFIG}")

elseif(CASE STREQUAL "headers")  # all that are installed, in one file: what one of them lacks, or
  # says differently from another, is seen. Each alone: see tests/CMakeLists.txt.
  file(GLOB_RECURSE headers RELATIVE "${prefix}/include" "${prefix}/include/steepest/*.h")
  list(LENGTH headers count)
  if(count LESS 10)
    message(FATAL_ERROR "only these headers are installed: ${headers}")
  endif()
  list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>\n")
  string(CONCAT text ${headers})
  file(WRITE "${here}/all.cpp" "${text}")
  run(${CXX} -std=c++20 -Wall -Wextra -Werror -fsyntax-only "-I${prefix}/include"
    -isystem "${TORCH}/include" -isystem "${TORCH}/include/torch/csrc/api/include" "${here}/all.cpp")
  # What the library shows: of our own names only those that these headers declare.
  file(GLOB library "${prefix}/lib*/libsteepest.so")
  execute_process(COMMAND nm -DC --defined-only ${library} OUTPUT_VARIABLE symbols
    COMMAND_ERROR_IS_FATAL ANY)
  foreach(inside "steepest::cpu::" "steepest::norms::" "crc32_of")
    if(symbols MATCHES "${inside}")
      message(FATAL_ERROR "libsteepest.so shows ${inside}")
    endif()
  endforeach()
  foreach(api "steepest::make_norm" "steepest::Optimizer::step" "steepest::workspace_bytes")
    if(NOT symbols MATCHES "${api}")
      message(FATAL_ERROR "libsteepest.so does not show ${api}")
    endif()
  endforeach()

elseif(CASE STREQUAL "find_package")  # the documented way: the prefix, and a Python with torch
  configure(${consumer} "LibTorch ${series}" -DCMAKE_PREFIX_PATH=${prefix} ${with_python})
  run(${CMAKE_COMMAND} --build ${here})
  run(${CMAKE_COMMAND} -E chdir ${here} ./consumer)

elseif(CASE STREQUAL "libtorch_folder")  # no Python: a folder that looks like the libtorch archive
  set(folder "${scratch}/libtorch")
  file(MAKE_DIRECTORY "${folder}")
  foreach(part include lib share)
    file(CREATE_LINK "${TORCH}/${part}" "${folder}/${part}" SYMBOLIC)
  endforeach()
  configure(${probe} "LibTorch ${series}[^ ]* in ${folder} .from LIBTORCH_ROOT"
    -DCMAKE_PREFIX_PATH=${prefix} -DLIBTORCH_ROOT=${folder} -DPython3_EXECUTABLE=/bin/false)
  run(${CMAKE_COMMAND} --build ${here})
  run(${here}/probe)
  set(ENV{CMAKE_PREFIX_PATH} "${prefix}:${folder}/share/cmake")
  configure(${probe} "LibTorch ${series}[^ ]* in ${folder} .from CMAKE_PREFIX_PATH"
    -DPython3_EXECUTABLE=/bin/false)

elseif(CASE STREQUAL "beside_torch")  # after the project's own find_package(Torch): that torch
  configure(${probe} "LibTorch ${series}[^ ]* in [^ ]* .from find_package"
    -DCMAKE_PREFIX_PATH=${prefix} ${with_python} -DSTAND_IN_FOR_TORCH=${TORCH})
  run(${CMAKE_COMMAND} --build ${here})
  run(${here}/probe)

elseif(CASE STREQUAL "other_torch")  # another minor version: one line, at configure time
  set(folder "${scratch}/torch-2.99")
  file(WRITE "${folder}/lib/libtorch_cpu.so" "")
  file(WRITE "${folder}/include/torch/csrc/api/include/torch/version.h"
    "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 99\n#define TORCH_VERSION_PATCH 1\n")
  configure(${probe} "Error: built with torch ${series}, found torch 2.99.1 in ${folder}"
    -DCMAKE_PREFIX_PATH=${prefix} -DLIBTORCH_ROOT=${folder})

elseif(CASE STREQUAL "no_torch")
  configure(${probe} "Error: No torch found: give -DLIBTORCH_ROOT"
    -DCMAKE_PREFIX_PATH=${prefix} -DPython3_EXECUTABLE=/bin/false)

elseif(CASE STREQUAL "subdirectory")  # as FetchContent does. Building the library once more would
  # take minutes: a few compilations of each side without the precompiled header (the project's own
  # build proves of every other file that it needs none), and no test or trainer in the parent's build.
  configure(${consumer} "LibTorch ${series}" -DSTEEPEST_SOURCE_DIR=${SOURCE} ${with_python})
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${here} --target help
    OUTPUT_VARIABLE targets COMMAND_ERROR_IS_FATAL ANY)
  if(targets MATCHES "test_|steepest_cli|steepest_trainer" OR NOT targets MATCHES "libsteepest.so")
    message(FATAL_ERROR "unexpected targets: ${targets}")
  endif()
  run(${CMAKE_COMMAND} --build ${here} --target CMakeFiles/consumer.dir/main.cpp.o)
  foreach(object steepest_objects.dir/steepest/radius steepest_objects.dir/steepest/optimizers/catalog
      steepest_linalg.dir/steepest/svd/svd steepest_linalg.dir/steepest/polar/newton_schulz)
    run(${CMAKE_COMMAND} --build ${here} --target steepest/CMakeFiles/${object}.cpp.o)
  endforeach()

else()
  message(FATAL_ERROR "unknown CASE=${CASE}")
endif()
