# Needs git, make, python3 (3.11 or newer) and python3-venv; the rest comes with hashes from the
# package registry that pip is configured for. Once installed, nothing here uses the network but
# `make lock` and `make audit`.

PYTHON ?= python3
WORKERS ?= auto
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
OUT := .build

# The lock files pin the build backend too, so that the program itself is built without isolation:
# with it, pip would fetch an unhashed setuptools.
INSTALL_LOCKED := $(PIP) install --quiet --require-hashes -r
# Its one warning tells of shadowing by the working directory, which is the very folder installed.
INSTALL_PROGRAM := PYTHONWARNINGS=ignore $(PIP) install --quiet --no-deps --no-build-isolation --no-index -e .

.PHONY: install install-dev demo test lint lock clean

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL_LOCKED) requirements.lock
	$(INSTALL_PROGRAM)
	@touch $@

# The dev lock holds everything the other one does, at the same versions: both are then done.
$(VENV)/.installed-dev: requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL_LOCKED) requirements-dev.lock
	$(INSTALL_PROGRAM)
	@touch $(VENV)/.installed $@

demo: install
	$(BIN)/aggregator demo

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict aggregator
	$(BIN)/lint-imports

test: lint
	@mkdir -p $(OUT)
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report= --junit-xml=$(OUT)/junit.xml $(PYTEST_ARGS)
	$(BIN)/coverage report --include='aggregator/core/*,aggregator/dialects/*' --fail-under=100

# What the promises rest on (docs/reliability.md), each in its long form. BENCH_ARGS reaches the
# program: make evidence-kill-loop BENCH_ARGS='--kills 5000 --seed 7'
BENCH_ARGS ?=
EVIDENCE := double-spend idempotency status-storm hostile kill-loop restarts reloads doubts doubts-real restores planted

evidence-hostile: PROGRAM := hostile_replies
evidence-planted: PROGRAM := planted_bugs

.PHONY: evidence $(EVIDENCE:%=evidence-%)
evidence: $(EVIDENCE:%=evidence-%)
$(EVIDENCE:%=evidence-%): evidence-%: install-dev
	$(BIN)/python -m benchmarks.$(or $(PROGRAM),$(subst -,_,$*)) $(BENCH_ARGS)

# How fast it is, beside what aiohttp allows (docs/performance.md). Needs a quiet machine.
# make bench BENCH_ARGS='--only add,status --rounds 3'
.PHONY: bench
bench: install-dev
	$(BIN)/python -m benchmarks.bench $(BENCH_ARGS)

# Keeps the versions that are locked; `make lock UPGRADE=--upgrade` takes the newest.
# The hashes are those of every file of a version, so one lock serves all Pythons and machines.
COMPILE := CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile --quiet --strip-extras \
	--generate-hashes --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links $(UPGRADE)
BUILD := --build-deps-for=editable

lock: | $(BIN)/python
	@test -x $(BIN)/pip-compile || $(PIP) install --quiet pip-tools
	$(COMPILE) $(BUILD) --output-file=requirements.lock pyproject.toml
	$(COMPILE) $(BUILD) --extra=dev --constraint=requirements.lock --output-file=requirements-dev.lock pyproject.toml
	$(COMPILE) --output-file=requirements-audit.lock requirements-audit.in

# `make audit` asks a public database about every locked version, and fails as well when it cannot
# be asked: what nobody looked up is not sound. AUDIT_ARGS='--vulnerability-service osv': another one.
# `make secrets` looks for keys in what is committed; what is none is marked in .secrets.baseline.
AUDIT := .venv-audit
AUDIT_ARGS ?=

.PHONY: audit secrets
$(AUDIT)/.installed: requirements-audit.lock
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r $<
	@touch $@

audit: $(AUDIT)/.installed
	$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes $(AUDIT_ARGS) -r requirements.lock
	$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes $(AUDIT_ARGS) -r requirements-dev.lock

secrets: $(AUDIT)/.installed
	git ls-files -z | xargs -0 $(AUDIT)/bin/detect-secrets-hook --baseline .secrets.baseline

# .venv stays, for it takes a network to make again.
clean:
	rm -rf $(OUT) build dist *.egg-info .coverage .coverage.* htmlcov
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find aggregator benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +
