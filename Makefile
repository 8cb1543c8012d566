# Two commands for a fresh machine with Python 3.11+ and make:
#   make demo   set up, convert the shipped example exports into ./demo-out, show the result
#   make test   set up, then style, types, room contracts and tests
#   make oldest the way from export to rows with the oldest packages that pyproject.toml allows
# `make PYTHON=python3.12 test` picks another interpreter. Both may be run again at any time.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
OUT ?= demo-out

.PHONY: demo test check oldest docs clean

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("focus-ai needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)

# The stamps make a second run fast: packages are installed again only when the lists change.
$(VENV)/.demo: pyproject.toml constraints.txt $(BIN)/python
	@echo "installing focus-ai into $(VENV)" >&2
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt $(BIN)/python
	@echo "installing focus-ai and its tools into $(VENV)" >&2
	@$(PIP) install -c constraints.txt -e '.[dev,prices,remote]'
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/focus-ai demo --out $(OUT)

test: $(VENV)/.test check

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist loadfile

$(VENV)-oldest/.test: pyproject.toml constraints.txt tests/oldest.py
	@$(PYTHON) -m venv $(VENV)-oldest
	@$(PYTHON) tests/oldest.py > $(VENV)-oldest/versions.txt
	@$(VENV)-oldest/bin/python -m pip --disable-pip-version-check -qq install -c $(VENV)-oldest/versions.txt -e . \
		hypothesis pytest pytest-xdist
	@touch $@

oldest: $(VENV)-oldest/.test
	$(VENV)-oldest/bin/python -m pytest -n auto -p no:cacheprovider tests/sinks tests/adapters/test_golden.py \
		tests/pipeline/test_command_runs.py tests/cli/test_main.py tests/validation/cli/test_check_written.py

# Write the generated pages again (tests compare them with the program).
docs: $(VENV)/.test
	$(BIN)/python -m focus_ai.focus.docs
	$(BIN)/python -m focus_ai.settings_docs > docs/settings.md
	$(BIN)/python -m focus_ai.adapters.docs > docs/adapters.md
	$(BIN)/python -m focus_ai.words_docs > docs/words.md
	$(BIN)/python -m focus_ai.cli.reference .

clean:
	rm -rf $(VENV) $(VENV)-oldest demo-out dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
