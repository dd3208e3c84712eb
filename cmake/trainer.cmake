# SPDX-License-Identifier: Apache-2.0
# The command-line trainer: everything but main.cpp is a library, so that tests can link it.

find_package(CLI11 2.1 REQUIRED)
# Only the headers: Debian's package file would link a compiled libtomlplusplus.
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
mark_as_advanced(TOMLPLUSPLUS_INCLUDE_DIR)

steepest_sources(trainer_sources RECURSE trainer)
set(trainer_main "${PROJECT_SOURCE_DIR}/trainer/main.cpp")
list(REMOVE_ITEM trainer_sources "${trainer_main}")
if(NOT trainer_sources)
  set(trainer_sources "${PROJECT_SOURCE_DIR}/cmake/pch.cpp")
endif()

# The commit, for --version: found again whenever the repository's HEAD has moved.
set(commit "unknown")
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS "${PROJECT_SOURCE_DIR}/.git")  # not the repository of a folder above
  execute_process(COMMAND "${GIT_EXECUTABLE}" describe --tags --always --dirty --abbrev=12
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE described ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(described)
    set(commit "${described}")
  endif()
  execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --git-path logs/HEAD
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE log ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  cmake_path(ABSOLUTE_PATH log BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
  if(EXISTS "${log}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${log}")
  endif()
endif()
set_source_files_properties("${PROJECT_SOURCE_DIR}/trainer/version.cpp" PROPERTIES
  COMPILE_DEFINITIONS "STEEPEST_COMMIT=\"${commit}\"" SKIP_PRECOMPILE_HEADERS ON)

add_library(steepest_trainer STATIC ${trainer_sources})
target_include_directories(steepest_trainer SYSTEM PUBLIC "${TOMLPLUSPLUS_INCLUDE_DIR}")
target_link_libraries(steepest_trainer PRIVATE steepest_flags
  PUBLIC steepest_inside CLI11::CLI11 nlohmann_json::nlohmann_json ZLIB::ZLIB)
steepest_precompile(steepest_trainer)
set_source_files_properties("${PROJECT_SOURCE_DIR}/trainer/distributed/connect.cpp" PROPERTIES
  INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/trainer/distributed/gloo_names"
  COMPILE_DEFINITIONS USE_C10D_GLOO SKIP_PRECOMPILE_HEADERS ON)
set_source_files_properties("${PROJECT_SOURCE_DIR}/trainer/config/config_sources.cpp" PROPERTIES
  SKIP_UNITY_BUILD_INCLUSION ON)  # its helpers have names of config_read.cpp's
steepest_unity(steepest_trainer trainer+trainer/run trainer/config trainer/data trainer/models)
if(TARGET steepest_unity)  # in the test of that name too
  target_sources(steepest_unity PRIVATE ${trainer_sources})
  target_include_directories(steepest_unity SYSTEM PRIVATE "${TOMLPLUSPLUS_INCLUDE_DIR}")
  target_link_libraries(steepest_unity PRIVATE CLI11::CLI11)
endif()

if(EXISTS "${trainer_main}")
  add_executable(steepest_cli "${trainer_main}")
  target_link_libraries(steepest_cli PRIVATE steepest_flags steepest_trainer)
  set_target_properties(steepest_cli PROPERTIES
    OUTPUT_NAME steepest RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin"
    INSTALL_RPATH "${LibTorch_LIBRARY_DIR}")
  if(STEEPEST_PYTHON_PACKAGE)  # one wheel for torch with and without CUDA
    target_compile_definitions(steepest_cli PRIVATE STEEPEST_LOAD_CUDA)
    target_link_libraries(steepest_cli PRIVATE ${CMAKE_DL_LIBS})
  elseif(TARGET LibTorch::torch_cuda)
    target_link_libraries(steepest_cli PRIVATE LibTorch::torch_cuda)  # 0.1 s of start-up
  endif()
  steepest_precompile(steepest_cli)
endif()
