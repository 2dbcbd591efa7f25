# `make ab` compares the two trainers; `make test` runs the tests. Both make .venv first when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup ab test test-long parity-long audit-long sanitize lint format clean

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

# Minutes to hours: killed trainings, learning runs, compiled policies, thousands of drawn configurations.
test-long: setup
	$(BIN)/python -m pytest -m long --timeout 0

# Resumable: what was compared before an interruption is not compared again.
parity-long: setup
	$(BIN)/python -m tests.parity.long --configs 5000 --agent-steps 20000000 --seed 1

audit-long: setup
	AUDIT_EXAMPLES=$${AUDIT_EXAMPLES:-2000} $(BIN)/python -m pytest -m long tests/config --timeout 0

# The engine under ASan with UBSan, in a virtual environment of its own. Python itself is not built for it: its own
# allocations at exit would be reported as leaks, and the runtime has to be loaded before the interpreter's.
sanitize: setup
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python build/sanitize-address
	$(BIN)/uv pip install --quiet --python build/sanitize-address/bin/python -e '.[dev]' \
	  --config-settings cmake.define.METTA_PUFFER_SANITIZE=address --config-settings build-dir=build/address
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so.6)" ASAN_OPTIONS=detect_leaks=0 \
	  build/sanitize-address/bin/python -m pytest --timeout 0 tests/test_kernels.py tests/engine tests/parity -m "not long"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist out .pytest_cache .mypy_cache .ruff_cache
