# The verbs of this checkout. Each sets up what it needs under .venv; nothing is installed elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV := $(shell command -v uv 2>/dev/null)

.PHONY: demo test check oracles bench soak clean

demo: $(STAMP)
	@$(BIN)/counterfault demo

test: check
	@$(BIN)/python -m pytest

check: $(STAMP)
	@$(BIN)/ruff check src tests bench
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > .venv/imports.log 2>&1 || (cat .venv/imports.log; exit 1)

oracles: $(STAMP)
	@cd tests && ../$(BIN)/python -m oracles.oracle_table

bench: $(STAMP)
	@$(BIN)/python -m bench

soak: $(STAMP)
	@$(BIN)/python -m pytest -m soak

$(STAMP): pyproject.toml
ifeq ($(UV),)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev --editable .
else
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip install --quiet --python $(BIN)/python --group dev --editable .
endif
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .counterfault .mypy_cache .pytest_cache .ruff_cache .hypothesis
