# `make ab` compares the two trainers; `make test` runs the tests. Both make .venv first when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup ab test lint format clean

setup: $(STAMP)

# uv is bootstrapped inside the virtual environment, so nothing outside this folder changes.
$(STAMP): pyproject.toml CMakeLists.txt $(shell find cpp -name '*.cpp' -o -name '*.hpp')
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || \
	  { echo "metta-puffer needs Python 3.11 or 3.12; $(VENV) has $$($(BIN)/python -V). Remedy: rm -rf $(VENV) && make setup PYTHON=python3.11"; exit 2; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]'
	@touch $(STAMP)

ab: setup
	$(BIN)/python compare/run_ab.py --puffer configs/puffer/arena-small.ini --native configs/native/arena-small.yaml \
	  --seeds 2 --total-agent-steps 1000000 --out out/ab --resume

test: setup
	$(BIN)/python -m pytest -m "not long"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist out .pytest_cache .mypy_cache .ruff_cache
