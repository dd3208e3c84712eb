# SPDX-License-Identifier: Apache-2.0
# steepest/lib of the wheel: see pyproject.toml. torch is loaded first and is not named.
set_target_properties(steepest PROPERTIES EXCLUDE_FROM_ALL ON)  # the operators hold it
set_target_properties(steepest_ops PROPERTIES INSTALL_RPATH "$ORIGIN/../../torch/lib")
install(TARGETS steepest_ops LIBRARY DESTINATION steepest/lib COMPONENT python)
install(FILES "${PROJECT_BINARY_DIR}/lib/torch_version.txt"
  DESTINATION steepest/lib COMPONENT python)
# Importing this module says where the folder is: see python/steepest/_library.py.
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/lib/__init__.py"
  CONTENT "\"\"\"What the build has made: libsteepest_ops.so, and torch_version.txt.\"\"\"\n")
install(FILES "${PROJECT_BINARY_DIR}/lib/__init__.py" DESTINATION steepest/lib COMPONENT python)

# The trainer, where it was asked for: python/steepest_command starts it.
if(TARGET steepest_cli)
  set_target_properties(steepest_cli PROPERTIES INSTALL_RPATH "$ORIGIN/../../torch/lib")
  install(TARGETS steepest_cli RUNTIME DESTINATION steepest/bin COMPONENT python)
endif()
