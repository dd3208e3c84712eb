# SPDX-License-Identifier: Apache-2.0
# Installed: headers, libsteepest, the trainer, and a CMake package that names no torch path: the
# program that uses it brings its torch, and steepestConfig.cmake checks that it is the same series.
include(CMakePackageConfigHelpers)

# steepest/steepest.h and what it includes: tests/house compares.
set(public_headers
  steepest.h choices.h group_options.h norm.h optimizer.h recipe.h route.h slot.h view.h
  base/api.h base/batch.h base/workspace.h engine/state.h io/file_error.h
  norms/norms.h optimizers/optimizers.h polar/polar.h polar/types.h
  svd/svd.h svd/types.h)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/steepest")

install(TARGETS steepest EXPORT steepestTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
foreach(header IN LISTS public_headers)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES "${PROJECT_SOURCE_DIR}/steepest/${header}"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/steepest/${folder}")
endforeach()
if(TARGET steepest_cli)
  install(TARGETS steepest_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

install(EXPORT steepestTargets NAMESPACE steepest:: DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/steepestConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/steepestConfig.cmake" INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/steepestConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/steepestConfig.cmake"
  "${PROJECT_BINARY_DIR}/steepestConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake" DESTINATION "${package_dir}")
