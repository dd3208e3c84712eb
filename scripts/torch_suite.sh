#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PyTorch's own optimizer tests over every class of the package: tests/torch_suite/run.py.
#
#   TEST_OPTIM   test/test_optim.py of a PyTorch source tree; default: from Debian's source package,
#                27 MB, fetched once into build/torch_suite through this machine's apt
#   SUITE        the Debian suite that has it (trixie: PyTorch 2.6)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=build/torch_suite
python=.venv/bin/python

fetch() {
  mkdir -p "$folder/apt/lists/partial"
  local here apt suite=${SUITE:-trixie} release
  here=$PWD/$folder
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  cat /etc/apt/sources.list.d/debian.sources 2>/dev/null |
    sed "s/^Types: .*/Types: deb-src/; s/\b$release\b/$suite/g" >"$here/apt/all.sources"
  apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$here/apt"
    -o "Dir::State::lists=$here/apt/lists")
  echo "torch_suite: fetching Debian's source package pytorch of $suite (27 MB)"
  "${apt[@]}" update
  (cd "$here" && "${apt[@]}" source --download-only pytorch)
  tar -xJf "$here"/pytorch_*.orig.tar.xz -C "$here" --wildcards --strip-components=1 \
    '*/test/test_optim.py' '*/test/optim/*'
}

if [ -z "${TEST_OPTIM:-}" ]; then
  [ -f "$folder/test/test_optim.py" ] || fetch
  TEST_OPTIM=$folder/test/test_optim.py
fi
"$python" -c 'import expecttest' 2>/dev/null || "$python" -m pip install --quiet expecttest
STEEPEST_LIBRARY=${STEEPEST_LIBRARY:-$PWD/build/lib/libsteepest.so} \
  PYTHONPATH=python "$python" tests/torch_suite/run.py "$TEST_OPTIM" "$@"
