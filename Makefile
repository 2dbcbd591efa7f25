# `make ab` compares the two trainers; `make test` runs the tests. Both make .venv first when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Tests of the engine's inside are built with it; tests/cpp runs them.
CPP_TESTS := --config-settings cmake.define.METTA_PUFFER_CPP_TESTS=ON

.PHONY: setup ab test test-long parity-long audit-long sanitize sanitize-address sanitize-thread lint format clean

setup: $(STAMP)

# uv is bootstrapped inside the virtual environment, so nothing outside this folder changes.
$(STAMP): pyproject.toml CMakeLists.txt $(shell find cpp tests/cpp -name '*.cpp' -o -name '*.hpp')
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || \
	  { echo "metta-puffer needs Python 3.11 or 3.12; $(VENV) has $$($(BIN)/python -V). Remedy: rm -rf $(VENV) && make setup PYTHON=python3.11"; exit 2; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]' $(CPP_TESTS)
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

# The engine under ASan with UBSan, then under TSan, each built into a virtual environment of its own. Python itself is
# not built for them: the runtime has to be loaded before the interpreter's, and what it never frees is no leak.
SANITIZED_PYTHON = build/sanitize-$*/bin/python
BUILD_REQUIREMENTS := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])
RUNTIME = $$(g++ -print-file-name=lib$(1).so) $$(g++ -print-file-name=libstdc++.so.6)

sanitize: sanitize-address sanitize-thread

# One test crashes on purpose, which ASan would report as its own exit; another counts what malloc is asked for.
sanitize-address: sanitizer-build-address
	LD_PRELOAD="$(call RUNTIME,asan)" ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 OMP_NUM_THREADS=1 \
	  build/sanitize-address/bin/python -m pytest --timeout 0 -m "not long" \
	  tests/cpp tests/test_kernels.py tests/test_env_actions.py tests/engine tests/parity --ignore tests/engine/test_allocations.py \
	  --deselect tests/parity/test_harness.py::test_a_crash_a_hang_and_an_error_of_the_harness_are_told_apart

# What runs on threads, every world of the zoo and hostile games among it; the other parity tests step one world, which
# starts no thread. A forked child may start threads again (its parent's are gone), which TSan allows only while their
# ids are new: in two tests they are not. Findings go to files, because nobody asks a forked child how it ended.
RACES := $(CURDIR)/build/races
sanitize-thread: sanitizer-build-thread
	@rm -f $(RACES).*
	LD_PRELOAD="$(call RUNTIME,tsan)" TSAN_OPTIONS="die_after_fork=0 exitcode=66 log_path=$(RACES)" OMP_NUM_THREADS=1 \
	  build/sanitize-thread/bin/python -m pytest --timeout 0 tests/cpp tests/engine tests/test_env*.py \
	  tests/parity/test_many_worlds.py --ignore tests/engine/test_allocations.py \
	  --deselect tests/engine/test_forks.py::test_a_child_forked_amid_a_step_is_told \
	  --deselect tests/engine/test_native_batch.py::test_a_forked_process_steps_with_threads_of_its_own; \
	  status=$$?; ! cat $(RACES).* 2>/dev/null && exit $$status

# Without build isolation, whose paths change from build to build, only what changed is compiled.
sanitizer-build-%: setup
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python build/sanitize-$*
	$(BIN)/uv pip install --quiet --python $(SANITIZED_PYTHON) $$($(BIN)/python -c '$(BUILD_REQUIREMENTS)')
	$(BIN)/uv pip install --quiet --python $(SANITIZED_PYTHON) -e '.[dev]' --no-build-isolation-package metta-puffer \
	  --config-settings cmake.define.METTA_PUFFER_SANITIZE=$* --config-settings build-dir=build/$* $(CPP_TESTS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist out .pytest_cache .mypy_cache .ruff_cache
