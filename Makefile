# `make run` and `make test` need Python 3.11 or newer; everything else they fetch into .venv.

VENV := .venv
PYTHON := $(VENV)/bin/python
PIP_INSTALL := $(PYTHON) -m pip install --disable-pip-version-check --no-input -qq
LOCKED := --no-deps --require-hashes --only-binary :all:
# The reader of HXL, for the tests alone, comes as its source; what builds it is fetched unpinned.
FROM_SOURCE := --no-binary libhxl,python-io-wrapper
# The first of these that runs and is new enough makes the virtual environment.
PYTHONS ?= python3 python3.14 python3.13 python3.12 python3.11

WORKERS ?= 2
# Each worker keeps to its part, and takes from the other when it is done: few load the same things twice.
PYTEST := $(PYTHON) -m pytest -q -n $(WORKERS) --dist worksteal
# These need no database, so they run once only, in the SQLite half.
WITHOUT_DATABASE := tests/rules tests/house tests/peers
CODE := app tests $(if $(wildcard benchmarks/*.py),benchmarks)

.PHONY: run test bench lint audit lock clean
.DEFAULT_GOAL := run
.SILENT:

# Migrate, load the demo into an empty database, and serve.
run: $(VENV)/.run $(VENV)/bin/spean
	$(VENV)/bin/spean serve

# The whole suite on SQLite, then on PostgreSQL. Without PostgreSQL's programs (code 3): SQLite alone.
test: $(VENV)/.dev $(VENV)/bin/spean
	set -e; code=0; server=$$($(PYTHON) -m tests.cluster) || code=$$?; \
	case $$code in 0) ;; 3) echo "$$server" ;; *) exit $$code ;; esac; \
	echo "The suite on SQLite:"; \
	SPEAN_TEST_ENGINE=sqlite $(PYTEST); \
	if [ $$code -eq 0 ]; then \
		echo "The suite on $$server:"; \
		SPEAN_TEST_ENGINE=postgresql $(PYTEST) $(WITHOUT_DATABASE:%=--ignore=%); \
	fi

bench: $(VENV)/.dev
	$(PYTHON) -m benchmarks

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/mypy --strict --no-error-summary $(CODE)
	said=$$($(VENV)/bin/lint-imports --no-logo 2>&1) || { echo "$$said"; exit 1; }
	echo "ruff, mypy and lint-imports found nothing."

# Known advisories for what the lock names; without a network it says so and fails nothing.
audit: $(VENV)/.dev
	$(PYTHON) -m tests.audit

# Pins move only where pyproject.toml asks for it; `make lock UPGRADE=--upgrade` moves all of them.
LOCK := pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate $(UPGRADE) pyproject.toml
lock: $(VENV)/.made
	set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; uv=$$(command -v uv || true); \
	if [ -z "$$uv" ]; then \
		$(PYTHON) -m venv "$$tools"; \
		"$$tools/bin/python" -m pip install --disable-pip-version-check -qq uv; \
		uv="$$tools/bin/uv"; \
	fi; \
	"$$uv" $(LOCK) --output-file requirements/run.txt; \
	"$$uv" $(LOCK) --extra dev --constraint requirements/run.txt --output-file requirements/dev.txt

# What can be made again. The database, keys and files in var/ stay.
clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find app alembic tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(VENV)/.made:
	for python in $(PYTHONS); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "Spean needs Python 3.11 or newer; name yours with make PYTHONS=/path/to/python3."; exit 1
	touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.made
	echo "Installing what Spean needs into $(VENV) (once, about a minute)."
	$(PIP_INSTALL) $(LOCKED) -r requirements/run.txt
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.made
	echo "Installing what Spean and its tests need into $(VENV) (once, about a minute)."
	$(PIP_INSTALL) $(LOCKED) $(FROM_SOURCE) -r requirements/dev.txt
	touch $@

# The command runs this tree as it stands. A build of the package would fetch setuptools unpinned. The
# second line hands the file to Python, also from a folder whose name holds a blank.
$(VENV)/bin/spean: $(VENV)/.made
	printf '%s\n' '#!/bin/sh' \
		"'''exec' '$(CURDIR)/$(PYTHON)' \"\$$0\" \"\$$@\"" "' '''" \
		'import sys' 'sys.path.append(r"$(CURDIR)")' \
		'from app.cli.main import main' 'sys.exit(main())' >$@
	chmod +x $@
