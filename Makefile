# Two commands: `make run` shows the main job, `make test` proves everything. Both set up what they need.

PYTHON ?= python3
EXAMPLE ?= shop
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
# Calls are waited for most of the time: on 2 cores four at a time leave half of them idle.
LIVE_JOBS ?= 4
# Random programs: some of them in `make check`, all in `make test`.
export HYPOTHESIS_PROFILE ?= $(if $(filter check,$(MAKECMDGOALS)),ivrc-quick,ivrc)
SEED ?= 1
COUNT ?= 200

.PHONY: run test check bench soak fuzz-live mutants format setup asterisk clean

run: setup
	$(BIN)/python -m ivrc.testbed.demo examples/$(EXAMPLE)

test: check
	IVRC_LIVE=1 $(BIN)/python -m pytest tests/live -n $(LIVE_JOBS) --dist loadfile

# With Asterisk comes a voice, which some of the fast tests want, too.
check: asterisk
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m ivrc test examples --fail-under 100
	$(BIN)/python -m pytest tests -n $(JOBS) --ignore tests/live

bench: setup asterisk
	$(BIN)/python bench/compile.py
	$(BIN)/python bench/calls.py
	$(BIN)/python bench/agi.py
	$(BIN)/python bench/history.py
	$(BIN)/python bench/deploy.py
	$(BIN)/python bench/simulate.py
	$(BIN)/python bench/suite.py
	$(BIN)/python bench/setup.py
	$(BIN)/python bench/reach.py

soak: setup
	$(BIN)/python bench/soak.py

# Random programs and calls, the simulator beside a real Asterisk: make fuzz-live SEED=7 COUNT=500
fuzz-live: setup asterisk
	$(BIN)/python -m ivrc.testbed.fuzz --seed $(SEED) --count $(COUNT) --out build/differences --shrink

# The compiled dialplan made wrong line by line: each must make a difference to a call.
mutants: setup asterisk
	$(BIN)/python -m ivrc.testbed.fuzz.mutants --seed $(SEED)

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml Makefile
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); $(PYTHON) -m pip --version >/dev/null 2>&1 && \
		$(PYTHON) -m pip install --user virtualenv && $(PYTHON) -m virtualenv $(VENV); } || \
		{ echo "make: Python's venv is missing: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[audio,agi,sql,history,deploy,ssh,dev]"
	touch $@

asterisk: setup
	$(BIN)/python -m ivrc.testbed.fetch --where-there-is 22 16
	$(BIN)/python -m ivrc.testbed.tools

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
