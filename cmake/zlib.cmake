# SPDX-License-Identifier: Apache-2.0
# ZLIB::ZLIB: from the system, or from the Python package cmeel-zlib, which a build by pip brings
# along where the system has no zlib.h.
find_package(ZLIB QUIET)
if(NOT ZLIB_FOUND)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c
      "import sysconfig; print(sysconfig.get_path('platlib'), *__import__('sys').path, sep=';')"
    OUTPUT_VARIABLE folders OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(TRANSFORM folders APPEND "/cmeel.prefix")
  find_path(STEEPEST_ZLIB_INCLUDE_DIR zlib.h PATHS ${folders} PATH_SUFFIXES include
    NO_DEFAULT_PATH NO_CACHE)
  find_library(STEEPEST_ZLIB_LIBRARY NAMES libz.a PATHS ${folders} PATH_SUFFIXES lib64 lib
    NO_DEFAULT_PATH NO_CACHE)
  if(NOT STEEPEST_ZLIB_INCLUDE_DIR OR NOT STEEPEST_ZLIB_LIBRARY)
    message(FATAL_ERROR "No zlib.h found: install zlib1g-dev (Debian) or zlib-devel (Fedora), or the "
      "Python package cmeel-zlib")
  endif()
  add_library(ZLIB::ZLIB STATIC IMPORTED GLOBAL)  # static: that package is gone after the build
  set_target_properties(ZLIB::ZLIB PROPERTIES IMPORTED_LOCATION "${STEEPEST_ZLIB_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${STEEPEST_ZLIB_INCLUDE_DIR}")
endif()
