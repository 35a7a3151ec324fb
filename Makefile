# Front door. Each target is the only command a new machine needs: python3 with venv, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test lint types contracts unit format docs bench chaos lock clean

install: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "NSPS needs Python 3.11 or later; $(PYTHON) is older. Say which one to use: make install PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "python3 has no venv here; on Debian: apt-get install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
	@echo "installed: $(BIN)/nsps"

demo: install
	@$(BIN)/nsps demo

test: install lint types contracts
	$(BIN)/nsps validate
	$(BIN)/nsps test
	$(BIN)/pytest

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

contracts: install
	$(BIN)/lint-imports

unit: install
	$(BIN)/pytest

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The parts of docs/ that are written from the code.
docs: install
	@$(BIN)/python -m engine.authoring.reference docs

# The figures of docs/performance.md: SQLite in one process, then PostgreSQL and Valkey (of the wheels) with one and two workers.
# `make bench BENCH="--quick --only postgresql"` takes a part; others are `--memory 1000000`, `--only postgresql.whole,latency`.
bench: install
	$(BIN)/python -m benchmarks $(BENCH)

# The survival program; `make chaos CHAOS="--only T01,T05b --seed 7"` plays a part of it. docs/reliability.md is written by --write.
chaos: install
	$(BIN)/python -m benchmarks.chaos $(CHAOS)

# The locks name versions and hashes, no registry. Needs `uv` on the path.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --output-file requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group dev pyproject.toml --output-file requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
