#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prepares what the build and the tests need: Debian packages, and .venv with torch and a few Python
# packages. Says first what it will fetch; does nothing, in well under a second, when all is there.
#
#   PYTHON   the Python to start from (python3); its torch is reused if it is new enough
#   TORCH    what to install otherwise ("torch>=2.11,<3")
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
torch=${TORCH:-torch>=2.11,<3}
venv=.venv

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }
check() { "$1" -I scripts/check_python.py "$2"; }  # -I: not fooled by PYTHONPATH or a ./torch

# -- what is missing -------------------------------------------------------------------------------

debs=()
for pair in c++:g++ make:make cmake:cmake ninja:ninja-build; do
  command -v "${pair%%:*}" >/dev/null || debs+=("${pair#*:}")
done
# header:package; one run of the preprocessor prints the packages whose header it does not see
headers=(CLI/CLI.hpp:libcli11-dev toml++/toml.h:libtomlplusplus-dev zlib.h:zlib1g-dev
  nlohmann/json.hpp:nlohmann-json3-dev gtest/gtest.h:libgtest-dev)
if command -v c++ >/dev/null; then
  mapfile -t -O "${#debs[@]}" debs < <(
    for pair in "${headers[@]}"; do
      printf '#if !__has_include(<%s>)\n"%s"\n#endif\n' "${pair%%:*}" "${pair#*:}"
    done | c++ -E -P -x c++ - | tr -d '"')
else
  debs+=("${headers[@]#*:}")
fi

new_venv=false reuse='' torch_missing=false extras=''
if ! { [ -x "$venv/bin/python" ] && check "$venv/bin/python" torch >/dev/null 2>&1; }; then
  new_venv=true
  if command -v "$python" >/dev/null; then
    reuse=$(check "$python" torch) || torch_missing=true
    "$python" -c 'import ensurepip, venv' 2>/dev/null || debs+=(python3-venv)
  else
    torch_missing=true
    debs+=(python3 python3-venv)
  fi
fi
if $torch_missing; then
  extras=all
elif $new_venv; then
  extras=$(check "$python" extras) || true
else
  extras=$(check "$venv/bin/python" extras) || true
fi

if [ ${#debs[@]} -eq 0 ] && ! $new_venv && [ -z "$extras" ]; then
  say "nothing to fetch, torch from $(check "$venv/bin/python" torch)"
  exit 0
fi

# -- say it ----------------------------------------------------------------------------------------

say "will fetch:"
[ ${#debs[@]} -eq 0 ] ||
  say "  Debian packages ${debs[*]} (5 MB; with compiler and cmake 130 MB, 500 MB on disk)"
! $torch_missing ||
  say "  $torch with its CUDA libraries into $venv (3 GB, 5.5 GB on disk, one to several minutes)"
[ -z "$extras" ] || say "  Python packages of scripts/requirements.txt (45 MB, 170 MB on disk)"
[ -z "$reuse" ] || say "using the torch in $reuse: no download of torch"

# -- do it -----------------------------------------------------------------------------------------

if [ ${#debs[@]} -gt 0 ]; then
  command -v ccache >/dev/null || debs+=(ccache)  # optional: no reason of its own to fetch anything
  install="apt-get install -y --no-install-recommends ${debs[*]}"
  command -v apt-get >/dev/null || die "no apt-get here: install what these hold: ${debs[*]}"
  [ "$(id -u)" -eq 0 ] || die "not root; run this, then again: sudo $install"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || say "apt-get update failed; trying with the lists at hand"
  $install -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 >/dev/null
fi

if $new_venv; then
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    die "$python is older than 3.10; choose another with PYTHON="
  "$python" -c 'import ensurepip, venv' || die "$python cannot make environments (no ensurepip)"
  if [ -n "$reuse" ]; then
    "$python" -m venv --clear --system-site-packages "$venv"
    # Where the Python is itself an environment, its packages are not the system's: name them.
    "$venv/bin/python" -c 'import sys, sysconfig
open(sysconfig.get_path("purelib") + "/steepest_reuse.pth", "w").write(sys.argv[1] + "\n")' "$reuse"
  else
    "$python" -m venv --clear "$venv"
    say "installing $torch"
    "$venv/bin/python" -m pip install --quiet "$torch"
  fi
fi

if ! check "$venv/bin/python" extras >/dev/null; then
  say "installing scripts/requirements.txt"
  "$venv/bin/python" -m pip install --quiet -r scripts/requirements.txt
fi
say "ready, torch from $(check "$venv/bin/python" torch)"
