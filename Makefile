# `make demo` shows it, `make test` proves it. Either makes .venv first, from nothing but Python and its venv module.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# Each worker has servers of its own: more than a few would only fight for memory. One more than there are processors, as
# some tests wait for time to pass.
WORKERS ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 1) + 1)))
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
RGW = tests/rgw.sh
# Where it is set, each test process and each manage.py that it starts would compile this project anew: a second each.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help demo test soak lint ruff mypy contracts matrix servers servers-stop clean

help:
	@echo "make demo          photos go to a bucket on this machine, before your eyes (ARGS=--serve: look at the site)"
	@echo "make test          the test suite (ARGS='-k acl -x': arguments for pytest)"
	@echo "make soak          the tests with chance or long tables in them, at full size: hours (ARGS='-k crash', S3SYNC_TEST_SEEDS=2)"
	@echo "make lint          ruff, mypy, import-linter"
	@echo "make matrix        the test suite on each pair of Python and Django that is installed here"
	@echo "make bench         times this and other tools on the same files, a quarter of an hour (ARGS=--full: hours; ARGS=--docs)"
	@echo "make servers       leave a real S3 server (Ceph RGW) running on loopback, to play with; make servers-stop ends it"
	@echo "make clean         remove what these made"
	@echo "Variables: ARGS, WORKERS=0 (test in one process), PYTHON=python3.13 (for a new $(VENV)), VENV."

# A file, so that make knows when it is older than the list of dependencies.
$(VENV)/.installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "This needs Python 3.10 or newer as $(PYTHON). Another one: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (about a minute)..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --editable '.[test]'
	@touch $@

$(VENV)/.linters: $(VENV)/.installed
	@$(PIP) install --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/python example_project/demo.py $(ARGS)

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --timeout 300 $(ARGS)

soak: $(VENV)/.installed
	S3SYNC_TEST_SOAK=1 $(BIN)/python -m pytest -m soak -n $(WORKERS) --maxprocesses 4 --timeout 7200 -s $(ARGS)

lint: ruff mypy contracts

ruff: $(VENV)/.linters
	$(BIN)/ruff check --output-format concise

mypy: $(VENV)/.linters
	$(BIN)/mypy

contracts: $(VENV)/.linters
	$(BIN)/lint-imports --no-cache

matrix: $(VENV)/.linters
	$(BIN)/tox run --skip-missing-interpreters true $(ARGS)

bench: $(VENV)/.installed
	@$(BIN)/python -m benchmarks $(ARGS)

servers:
	@$(RGW) start && $(RGW) env

servers-stop:
	@$(RGW) wipe

clean:
	rm -rf $(VENV) .venv-bench .tox build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
