# `make run` and `make test` are all that is needed on a machine with Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check

.PHONY: run test lint check lock goldens mutants bench clean

run: $(VENV)/.installed
	$(BIN)/backtest run

test: lint check

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

check: $(VENV)/.installed-dev
	$(BIN)/pytest -n auto --cov=backtest.engine --cov=backtest.events --cov=backtest.market \
		--cov-branch --cov-report= --cov-fail-under=95

# Shows what differs from the recorded trades and orders, and asks before it writes.
goldens: $(VENV)/.installed-dev
	$(BIN)/python -m tests.golden.goldens

# Plants faults in the engine and shows those that no test notices: 7 to 13 minutes on two cores.
mutants: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutants

# Speed against other engines, which have an environment of their own: about a quarter of an hour.
bench: $(VENV)/.installed-dev .venv-peers/.installed
	$(BIN)/python benchmarks/run.py

.venv-peers/.installed: benchmarks/peers/requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m venv .venv-peers
	.venv-peers/bin/pip --quiet --disable-pip-version-check install --require-hashes -r $<
	touch $@

# Versions and hashes, no addresses.
lock: $(VENV)/.installed-dev
	$(BIN)/python -m uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --quiet -o requirements.lock
	$(BIN)/python -m uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --quiet -c requirements.lock -o requirements-dev.lock

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is needed, this is %s: call make with PYTHON=python3.12 or the like" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) install --require-hashes -r requirements-dev.lock
	touch $@

clean:
	rm -rf $(VENV) .venv-peers
