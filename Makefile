# `make run` opens Netloom, `make test` tests it; both make .venv first where it is missing.
# CUDA=1 installs the CUDA build of torch, CUDA=0 goes back to the CPU build; PYTHON=... names the interpreter.

BIN := .venv/bin
TESTING := QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 NETLOOM_THREADS=1
PYTEST := $(TESTING) $(BIN)/python -m pytest -n 2 --dist loadgroup
# Some systems export CUDA as a folder: from there, only the switch itself counts.
ifneq ($(origin CUDA),command line)
CUDA := $(filter 0 1,$(CUDA))
endif
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'

.PHONY: help run test test-all lint clean environment

help:
	@echo "make run        open the window on a digit classifier (without a display: train it in the terminal)"
	@echo "make test       run the tests"
	@echo "make test-all   run the slow tests too"
	@echo "make lint       ruff, mypy and the import rules"
	@echo "make clean      remove .venv, builds and caches (runs/ stays)"
	@echo "CUDA=1          with run or test: the CUDA build of torch from now on (CUDA=0: the CPU build)"
	@echo "PYTHON=python3  with run or test: the Python (3.11 or later) that makes .venv"

run: environment
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname -s)" = Darwin ]; then \
		exec $(BIN)/netloom examples/digits.netloom; \
	fi; \
	echo "There is no display here, so this runs the demo in the terminal (netloom demo)."; \
	exec $(BIN)/netloom demo

test: environment
	@$(PYTEST) $(ARGS)

test-all: environment
	@$(PYTEST) -m "" $(ARGS)

lint: environment
	@$(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

# The environment's own Python, where it works, needs no look around.
environment:
	@for python in $(if $(PYTHON),"$(PYTHON)",$(BIN)/python python3.14 python3.13 python3.12 python3.11 python3 python); do \
		if "$$python" $(NEW_ENOUGH) >/dev/null 2>&1; then \
			exec env CUDA="$(CUDA)" "$$python" .ci/environment.py; \
		fi; \
	done; \
	echo "Netloom needs Python 3.11 or later$(if $(PYTHON),; $(PYTHON) is none,: install it or name it with PYTHON=/path/to/python3)." >&2; \
	exit 1

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find app blocks resources examples tests -name __pycache__ -type d -prune -exec rm -rf {} +
