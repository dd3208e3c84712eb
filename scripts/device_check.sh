#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# For a machine with an NVIDIA GPU: builds the library for the torch that is there, then checks the
# kernels for CUDA and times them beside torch.optim.Muon (benchmarks/on_device.py), in ten minutes
# altogether. Needs no network where CMake, Ninja, a compiler and nlohmann-json are at hand.
#
#   PYTHON   the Python whose torch is meant (python3)
#   MINUTES  for all of it (9.5)
#   OUT      the folder for results (build/device)
#   STAGES   of on_device.py, such as "polar speed" (all)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3} minutes=${MINUTES:-9.5} out=${OUT:-build/device} build=build-device
mkdir -p "$out"

nvidia-smi --query-gpu=name,driver_version,clocks.max.sm --format=csv,noheader 2>/dev/null || true
cmake -S . -B "$build" -G Ninja -DPython3_EXECUTABLE="$(command -v "$python")" -DSTEEPEST_UNITY=ON \
  -DSTEEPEST_PCH=OFF -DSTEEPEST_WERROR=OFF -DSTEEPEST_TRAINER=OFF -DSTEEPEST_TESTS=OFF >"$out/cmake.log"
cmake --build "$build" -j "$(nproc)" --target steepest steepest_ops >"$out/build.log"
echo "built in $SECONDS s"

export STEEPEST_LIBRARY=$PWD/$build/lib/libsteepest.so PYTHONPATH=$PWD/python
export XDG_CACHE_HOME=$PWD/$build/cache PYTHONUNBUFFERED=1  # kernels are compiled within this time
left=$(awk -v all="$minutes" -v used="$SECONDS" 'BEGIN { print all - used / 60 }')
# shellcheck disable=SC2086  # STAGES is a list of words
"$python" benchmarks/on_device.py --minutes "$left" --out "$out/results.json" ${STAGES:-}
