# make demo: the whole pipeline on a synthetic corpus.  make test: the tests.  make lint: the linters.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first interpreter that is new enough and can make an environment; 3.11 is the one the constraints were tested with.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# What `make install` installs beside the package. CI adds `ci`, for the tests of the optional parts.
EXTRAS ?= demo,dev

.PHONY: install demo test test-fast lint format docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "npvf needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	$(BIN)/npvf models fetch
	@$(BIN)/npvf doctor > $(VENV)/doctor.txt || { cat $(VENV)/doctor.txt; exit 1; }
	@touch $@

demo: install
	$(BIN)/npvf demo --out runs/demo

# One thread a worker: two workers that each take every core are slower than either alone.
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# Without the tests marked `slow`: somewhat over a quarter of the tests, which take most of the time.
test-fast: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_prose.py

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site, in build/site; a warning or a dead link is an error. `docs` is an extra of its own.
docs: install
	$(BIN)/pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/python scripts/build_docs.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
