# SPDX-License-Identifier: Apache-2.0
# Finds the C++ side of PyTorch without running TorchConfig.cmake (which needs the CUDA toolkit as
# soon as the installed torch was built for CUDA) and without importing torch.
#
# Where it looks; the first hit wins, system folders are never searched:
#   1. the torch that this project already loaded with find_package(Torch)
#   2. LIBTORCH_ROOT, LibTorch_ROOT, Torch_ROOT   (-D or environment)
#   3. CMAKE_PREFIX_PATH, entries that hold a libtorch (or torch.utils.cmake_prefix_path itself)
#   4. the torch package of Python3_EXECUTABLE, or of the python3 that CMake finds
# A root is an unpacked libtorch archive or a wheel's torch folder: include/, lib/.
#
# Gives LibTorch_VERSION, LibTorch_ROOT_DIR, LibTorch_LIBRARY_DIR and the targets
#   LibTorch::torch        what a C++ program links: torch_cpu and c10
#   LibTorch::torch_cuda   only for a CUDA build; linking it registers the "cuda" device
#   LibTorch::torch_cpu  LibTorch::c10  and, where present,  LibTorch::c10_cuda  LibTorch::torch_python

# -- candidates ------------------------------------------------------------------------------------

function(_libtorch_is_root out dir)
  if(EXISTS "${dir}/include/torch/csrc/api/include/torch/version.h" AND
     EXISTS "${dir}/lib/${CMAKE_SHARED_LIBRARY_PREFIX}torch_cpu${CMAKE_SHARED_LIBRARY_SUFFIX}")
    set(${out} TRUE PARENT_SCOPE)
  else()
    set(${out} FALSE PARENT_SCOPE)
  endif()
endfunction()

function(_libtorch_from_python out)
  set(${out} "" PARENT_SCOPE)
  if(NOT Python3_EXECUTABLE)
    find_package(Python3 COMPONENTS Interpreter QUIET)
  endif()
  if(NOT Python3_EXECUTABLE)
    return()
  endif()
  # find_spec locates the package without importing it: 0.04 s against 3 s, and it works where the
  # CUDA libraries do not load. -c with the safe path off would see a ./torch folder: leave cwd out.
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c
      "import sys; sys.path = [p for p in sys.path if p]
import importlib.util as u
s = u.find_spec('torch')
print((s.submodule_search_locations or [''])[0] if s else '')"
    OUTPUT_VARIABLE dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE rc)
  if(rc EQUAL 0)
    set(${out} "${dir}" PARENT_SCOPE)
  endif()
endfunction()

set(LibTorch_ROOT_DIR "")
set(_libtorch_source "")

if(TARGET torch_cpu AND TORCH_INSTALL_PREFIX)
  _libtorch_is_root(_libtorch_ok "${TORCH_INSTALL_PREFIX}")
  if(_libtorch_ok)
    set(LibTorch_ROOT_DIR "${TORCH_INSTALL_PREFIX}")
    set(_libtorch_source "find_package(Torch)")
  endif()
endif()

if(NOT LibTorch_ROOT_DIR)
  foreach(_libtorch_name LIBTORCH_ROOT LibTorch_ROOT Torch_ROOT)
    set(_libtorch_hint "${${_libtorch_name}}")
    if(NOT _libtorch_hint)
      set(_libtorch_hint "$ENV{${_libtorch_name}}")
    endif()
    if(_libtorch_hint AND NOT LibTorch_ROOT_DIR)
      _libtorch_is_root(_libtorch_ok "${_libtorch_hint}")
      if(NOT _libtorch_ok)  # asked for by name: falling back to another torch would surprise
        message(FATAL_ERROR "${_libtorch_name}=${_libtorch_hint} is no libtorch: expected "
          "include/torch/csrc/api/include/torch/version.h and lib/libtorch_cpu.so in it")
      endif()
      set(LibTorch_ROOT_DIR "${_libtorch_hint}")
      set(_libtorch_source "${_libtorch_name}")
    endif()
  endforeach()
endif()

if(NOT LibTorch_ROOT_DIR)
  string(REPLACE ":" ";" _libtorch_prefixes "$ENV{CMAKE_PREFIX_PATH}")
  foreach(_libtorch_hint IN LISTS CMAKE_PREFIX_PATH _libtorch_prefixes)
    foreach(_libtorch_up "" "/../..")  # the second: <torch>/share/cmake
      _libtorch_is_root(_libtorch_ok "${_libtorch_hint}${_libtorch_up}")
      if(_libtorch_ok AND NOT LibTorch_ROOT_DIR)
        set(LibTorch_ROOT_DIR "${_libtorch_hint}${_libtorch_up}")
        set(_libtorch_source "CMAKE_PREFIX_PATH")
      endif()
    endforeach()
  endforeach()
endif()

if(NOT LibTorch_ROOT_DIR)
  _libtorch_from_python(_libtorch_hint)
  _libtorch_is_root(_libtorch_ok "${_libtorch_hint}")
  if(_libtorch_ok)
    set(LibTorch_ROOT_DIR "${_libtorch_hint}")
    set(_libtorch_source "${Python3_EXECUTABLE}")
  endif()
endif()

# -- version ---------------------------------------------------------------------------------------

set(LibTorch_VERSION "")
if(LibTorch_ROOT_DIR)
  get_filename_component(LibTorch_ROOT_DIR "${LibTorch_ROOT_DIR}" ABSOLUTE)
  set(LibTorch_LIBRARY_DIR "${LibTorch_ROOT_DIR}/lib")
  foreach(_libtorch_file csrc/api/include/torch/version.h headeronly/version.h)  # moved in 2.10
    if(NOT LibTorch_VERSION AND EXISTS "${LibTorch_ROOT_DIR}/include/torch/${_libtorch_file}")
      file(STRINGS "${LibTorch_ROOT_DIR}/include/torch/${_libtorch_file}" _libtorch_lines
        REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
      string(REGEX REPLACE "[^0-9;]" "" _libtorch_lines "${_libtorch_lines}")
      list(JOIN _libtorch_lines "." LibTorch_VERSION)
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
set(_libtorch_quiet ${LibTorch_FIND_QUIETLY})
set(LibTorch_FIND_QUIETLY TRUE)  # we print our own line: version, place and why this one
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_ROOT_DIR LibTorch_VERSION
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "No torch found: give -DLIBTORCH_ROOT=<libtorch or a wheel's torch folder> \
or -DPython3_EXECUTABLE=<a Python that has torch>")
set(LibTorch_FIND_QUIETLY ${_libtorch_quiet})
if(LibTorch_FOUND AND NOT _libtorch_quiet)
  message(STATUS "LibTorch ${LibTorch_VERSION} in ${LibTorch_ROOT_DIR} (from ${_libtorch_source})")
endif()

# -- targets ---------------------------------------------------------------------------------------

function(_libtorch_add name)
  if(TARGET LibTorch::${name})
    return()
  endif()
  find_library(_libtorch_${name} NAMES ${name} PATHS "${LibTorch_LIBRARY_DIR}"
    NO_DEFAULT_PATH NO_CACHE)
  if(NOT _libtorch_${name})
    return()
  endif()
  add_library(LibTorch::${name} SHARED IMPORTED GLOBAL)
  # GLOBAL: a parent that took us by add_subdirectory may link them too. Headers of imported targets
  # are system headers: our warnings do not reach into them.
  set_target_properties(LibTorch::${name} PROPERTIES
    IMPORTED_LOCATION "${_libtorch_${name}}"
    INTERFACE_INCLUDE_DIRECTORIES
      "${LibTorch_ROOT_DIR}/include;${LibTorch_ROOT_DIR}/include/torch/csrc/api/include"
    INTERFACE_COMPILE_DEFINITIONS "USE_DISTRIBUTED"
    INTERFACE_COMPILE_FEATURES cxx_std_20
    INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()

if(LibTorch_FOUND)
  _libtorch_add(c10)
  _libtorch_add(torch_cpu LibTorch::c10)
  _libtorch_add(torch_python LibTorch::torch_cpu)
  _libtorch_add(c10_cuda LibTorch::c10)
  if(NOT TARGET LibTorch::torch)
    add_library(LibTorch::torch INTERFACE IMPORTED GLOBAL)
    set_target_properties(LibTorch::torch PROPERTIES
      INTERFACE_LINK_LIBRARIES "LibTorch::torch_cpu;LibTorch::c10")
  endif()
  set(_libtorch_cuda "${LibTorch_LIBRARY_DIR}/libtorch_cuda.so")
  if(EXISTS "${_libtorch_cuda}" AND NOT TARGET LibTorch::torch_cuda)
    # Nothing refers to its symbols, it registers itself when loaded: keep the linker from dropping it.
    add_library(LibTorch::torch_cuda INTERFACE IMPORTED GLOBAL)
    set_target_properties(LibTorch::torch_cuda PROPERTIES INTERFACE_LINK_LIBRARIES
      "-Wl,--push-state,--no-as-needed,${_libtorch_cuda},--pop-state;LibTorch::torch")
  endif()
endif()
