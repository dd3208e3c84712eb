# SPDX-License-Identifier: Apache-2.0
# steepest/lib of the wheel: see pyproject.toml. torch is loaded first and is not named.
set_target_properties(steepest_ops PROPERTIES INSTALL_RPATH "$ORIGIN/../../torch/lib")
install(TARGETS steepest_ops LIBRARY DESTINATION steepest/lib COMPONENT python)
install(FILES "${PROJECT_BINARY_DIR}/lib/torch_version.txt"
  DESTINATION steepest/lib COMPONENT python)
