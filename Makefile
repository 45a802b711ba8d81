# `make run` and `make test` are all that is needed on a machine with Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A lock is the whole answer: nothing is resolved, so no later release can change what is installed.
INSTALL := bin/pip --quiet --disable-pip-version-check install --no-deps
CHECK := bin/pip --disable-pip-version-check check

.PHONY: run test test-all lint check rest coverage docs pythons lock goldens mutants bench clean

run: $(VENV)/.installed
	$(BIN)/backtest run

test: lint check

test-all: test rest coverage

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# What guards money and time, and every command: a quarter of an hour on two cores.
check: $(VENV)/.installed-dev
	$(BIN)/pytest -n auto -m "not slow"

# The slow rest: packages, site, wheel on every Python, cluster, fresh processes, many random worlds.
rest: $(VENV)/.installed-dev pythons
	$(BIN)/pytest -n auto -m "slow or hypothesis" --hypothesis-profile=long

# How much of the engine the tests of these rooms reach; counting lines takes time.
coverage: $(VENV)/.installed-dev
	$(BIN)/pytest -n auto -m "not slow" --cov=backtest.engine --cov-branch \
		--cov-report=term:skip-covered --cov-fail-under=95 \
		tests/spec tests/golden tests/property tests/engine tests/data tests/strategy tests/experiments

# Writes the pages that are made from code, then the site to build/site: warnings are errors.
# Look at it: `python3 -m http.server --directory build/site`.
docs: $(VENV)/.installed-dev
	$(BIN)/python -m docs.tools
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Shows what differs from the recorded trades and orders, and asks before it writes.
goldens: $(VENV)/.installed-dev
	$(BIN)/python -m tests.golden.goldens

# Plants a sample of faults in each room and shows those that no test notices: an hour and a half on two cores.
mutants: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutants

# Speed against other engines, which have an environment of their own: about a quarter of an hour.
bench: $(VENV)/.installed-dev .venv-peers/.installed
	$(BIN)/python benchmarks/run.py

.venv-peers/.installed: benchmarks/peers/requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m venv .venv-peers
	.venv-peers/$(INSTALL) --require-hashes -r $<
	.venv-peers/$(CHECK)
	touch $@

# An environment for each other Python at hand, also one that only pyenv knows: the wheel is tested there too.
pythons: $(VENV)/.installed-dev
	@for version in 3.11 3.12 3.13; do \
		python=$$(PYENV_VERSION=$$(pyenv latest $$version 2>/dev/null) python$$version -c 'import sys; print(sys.executable)' 2>/dev/null) || continue; \
		test $$version = $$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])') || \
			$(MAKE) --no-print-directory .venv-$$version/.installed OTHER=$$python || exit; \
	done

.venv-3.%/.installed: requirements.lock
	$(OTHER) -m venv $(@D)
	$(@D)/$(INSTALL) --require-hashes -r $<
	$(@D)/$(CHECK)
	touch $@

# Versions, extras and hashes, no addresses. What is locked stays unless it no longer fits.
COMPILE := $(BIN)/python -m uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-annotate --no-header --quiet
lock: $(VENV)/.installed-dev
	$(COMPILE) pyproject.toml --group build -o requirements.lock
	$(COMPILE) pyproject.toml --group build --group dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) benchmarks/peers/requirements.in -o benchmarks/peers/requirements.lock

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is needed, this is %s: call make with PYTHON=python3.12 or the like" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(VENV)/$(INSTALL) --require-hashes -r requirements.lock
	$(VENV)/$(INSTALL) --no-build-isolation --editable .
	$(VENV)/$(CHECK)
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(VENV)/$(INSTALL) --require-hashes -r requirements-dev.lock
	$(VENV)/$(CHECK)
	touch $@

clean:
	rm -rf $(VENV) .venv-peers .venv-3.*
