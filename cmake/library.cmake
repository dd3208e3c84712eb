# SPDX-License-Identifier: Apache-2.0
# The library, from the bottom up.

# kernels/: a table a device, and the loops that fill it. base/: text and tensors. polar/ and svd/: linear algebra that
# knows nothing of norms and optimizers. As a target of its own it is linked alone by their tests;
# what it includes is checked by tests/house.
steepest_sources(linalg_sources steepest/kernels steepest/kernels/cpu steepest/kernels/cuda
  steepest/base steepest/polar steepest/svd)
file(GLOB loop_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/steepest/kernels/cpu/*.cpp")
set_source_files_properties(${loop_sources} PROPERTIES  # the work is here
  COMPILE_OPTIONS "$<$<CONFIG:Release>:-O3>" SKIP_PRECOMPILE_HEADERS ON)
# The kernels for CUDA go into the library as text: NVRTC compiles them where they run.
set(kernel_folder "${PROJECT_SOURCE_DIR}/steepest/kernels/cuda/device")
file(GLOB kernel_program CONFIGURE_DEPENDS "${kernel_folder}/*.cu")
file(GLOB kernel_headers CONFIGURE_DEPENDS "${kernel_folder}/*.cuh" "${kernel_folder}/*.h")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${kernel_program} ${kernel_headers})
set(embedded "")
foreach(file IN LISTS kernel_program kernel_headers)
  file(READ "${file}" text)
  cmake_path(RELATIVE_PATH file BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
  string(APPEND embedded "{\"${file}\", R\"text(${text})text\"},\n")
endforeach()
set(embedded_source "${PROJECT_BINARY_DIR}/generated/cuda_program_files.cpp")
file(CONFIGURE OUTPUT "${embedded_source}" @ONLY CONTENT
  "#include \"steepest/kernels/cuda/cubin.h\"
namespace steepest::cuda {
const std::vector<SourceFile>& program_files() {
  static const std::vector<SourceFile> files{
@embedded@};
  return files;
}
}  // namespace steepest::cuda
")
list(APPEND linalg_sources "${embedded_source}")
if(NOT linalg_sources)
  set(linalg_sources "${PROJECT_SOURCE_DIR}/cmake/pch.cpp")
endif()
add_library(steepest_linalg OBJECT ${linalg_sources})
target_include_directories(steepest_linalg PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(steepest_linalg PRIVATE steepest_flags nlohmann_json::nlohmann_json
  PUBLIC LibTorch::torch ${CMAKE_DL_LIBS})
steepest_precompile(steepest_linalg ALONE)
steepest_unity(steepest_linalg steepest/kernels+steepest/base+steepest/polar steepest/svd)

steepest_sources(library_sources steepest steepest/options steepest/io steepest/norms steepest/transforms steepest/geometries steepest/distributed steepest/engine steepest/optimizers steepest/routing steepest/serialize)
steepest_sources(operator_sources steepest/bindings)
add_library(steepest_objects OBJECT ${library_sources})
target_include_directories(steepest_objects PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(steepest_objects PRIVATE
  steepest_flags nlohmann_json::nlohmann_json ZLIB::ZLIB PUBLIC LibTorch::torch)
steepest_precompile(steepest_objects ALONE)
steepest_unity(steepest_objects steepest+steepest/distributed steepest/engine steepest/io+steepest/routing
  steepest/options+steepest/norms+steepest/transforms+steepest/geometries+steepest/optimizers steepest/serialize)

# The objects twice: as a shared library that shows the public headers' symbols and no others
# (steepest/base/api.h), and as an archive for what is built here and uses the rest too.
set(library_objects $<TARGET_OBJECTS:steepest_objects> $<TARGET_OBJECTS:steepest_linalg>)
add_library(steepest_inside STATIC EXCLUDE_FROM_ALL ${library_objects})
target_include_directories(steepest_inside PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(steepest_inside PUBLIC ZLIB::ZLIB LibTorch::torch ${CMAKE_DL_LIBS})
set_target_properties(steepest_inside PROPERTIES LINKER_LANGUAGE CXX)

add_library(steepest SHARED ${library_objects})
add_library(steepest::steepest ALIAS steepest)
target_include_directories(steepest PUBLIC
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_compile_features(steepest PUBLIC cxx_std_20)
# BUILD_INTERFACE: what only we link against stays out of the exported targets.
target_link_libraries(steepest PUBLIC LibTorch::torch PRIVATE
  $<BUILD_INTERFACE:steepest_flags> $<BUILD_INTERFACE:ZLIB::ZLIB>
  $<BUILD_INTERFACE:${CMAKE_DL_LIBS}>)
set_target_properties(steepest PROPERTIES
  LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
  # Finds the torch it was built with; a program that has loaded its own torch keeps that one.
  # (INSTALL_RPATH_USE_LINK_PATH would drop a torch inside the source tree, such as .venv's.)
  INSTALL_RPATH "${LibTorch_LIBRARY_DIR}")

# torch.ops.steepest: what Python loads. A module of its own, because loading it registers the
# operators, and without Python.h: one file serves every Python. It holds the library and shows
# nothing of it, so that it stands beside any libsteepest.so of the same program.
if(STEEPEST_OPERATORS)
  add_library(steepest_ops MODULE ${operator_sources})
  target_link_libraries(steepest_ops PRIVATE
    steepest_flags steepest_inside nlohmann_json::nlohmann_json)
  target_link_options(steepest_ops PRIVATE -Wl,--exclude-libs,ALL)
  set_target_properties(steepest_ops PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
  steepest_precompile(steepest_ops ALONE)
  steepest_unity(steepest_ops steepest/bindings)
endif()

# What STEEPEST_UNITY compiles, for the test of that name: for its errors alone.
if(STEEPEST_TESTS AND STEEPEST_OPERATORS)
  set(unity_sources ${linalg_sources} ${library_sources} ${operator_sources})
  list(FILTER unity_sources EXCLUDE REGEX "/kernels/cpu/")  # the trainer adds its own
  add_library(steepest_unity OBJECT EXCLUDE_FROM_ALL ${unity_sources})
  target_include_directories(steepest_unity PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(steepest_unity PRIVATE
    steepest_flags nlohmann_json::nlohmann_json ZLIB::ZLIB LibTorch::torch)
  target_compile_options(steepest_unity PRIVATE -fsyntax-only)
  set_target_properties(steepest_unity PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endif()

# Which torch the operators were built with: steepest/_library.py compares.
string(REGEX MATCH "^[0-9]+\\.[0-9]+" STEEPEST_TORCH_SERIES "${LibTorch_VERSION}")
file(WRITE "${PROJECT_BINARY_DIR}/lib/torch_version.txt" "${STEEPEST_TORCH_SERIES}\n")
