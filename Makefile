# Everything starts here: `make bench` measures, `make test` tests. Both set up all that they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS := $(shell echo $$(($$(nproc) * 2)))
WHOLE := $(shell echo $$(($$(nproc) + 1)))
SOURCES := $(shell find harness loadprofiles targets tests -name '*.py')
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help install install-dev bench test test-parts test-whole test-alone test-lasting test-models ready check benchmark selftest engine emulator aws-smoke servers chromium netns clean

help:
	@echo "make bench      set up and run the quickstart experiment (ROUNDS=n, EXPERIMENT=name)"
	@echo "make test       set up and run all tests; Docker tests skip without an engine"
	@echo "make test-lasting  what the gate has no time for: load workers on other machines, most of AWS's emulators"
	@echo "make test-models every workload with a model on both packagings, outside of the gate (WORKLOAD=name takes one)"
	@echo "make check      ruff, mypy, import-linter"
	@echo "make benchmark  the load path beside k6, alone and at other people's servers, the local Lambda beside the bare emulator, memory of large trials, 10 million requests shown, the forecast's loops, signatures"
	@echo "make selftest   all that is measured beside a truth that is known (needs a quiet machine)"
	@echo "make aws-smoke  the quickstart on your AWS account, with a budget of 1 USD; it asks first"
	@echo "make engine     install and start a Docker engine (Debian or Ubuntu, as root)"
	@echo "make servers    install the servers that process- targets start, such as Redis (Debian or Ubuntu, as root)"
	@echo "make emulator   install a server that stands in for AWS in tests, in an environment of its own"
	@echo "make chromium   install Chromium and its driver for the tests of the report (Debian, as root)"
	@echo "make netns      install ip, with which the tests of load workers make network namespaces (Debian or Ubuntu, as root)"
	@echo "make clean      remove what runs left behind"

install: $(VENV)/core
install-dev: $(VENV)/dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 3; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $(VENV)/core $@

bench: install
	$(BIN)/frostline run $(or $(EXPERIMENT),quickstart) $(if $(ROUNDS),--rounds $(ROUNDS))

# Two halves, which --jobs=2 runs side by side: either waits more than it works.
test: test-alone
test-alone: test-parts test-whole
	$(BIN)/python -m pytest tests/e2e -m alone

test-parts: ready
	$(BIN)/python -m pytest --ignore=tests/e2e --ignore=tests/models -m 'not lasting' -n $(WORKERS)

test-whole: ready
	$(BIN)/python -m pytest tests/e2e -m 'not alone and not lasting' -n $(WHOLE) --dist loadfile --no-loadscope-reorder

ready: $(VENV)/ready
$(VENV)/ready: $(VENV)/dev $(SOURCES)
	$(BIN)/python -m tests.ready >$@ || { tail -n 40 $@; rm $@; exit 1; }

test-lasting: ready
	$(BIN)/python -m pytest tests --ignore=tests/models -m lasting

test-models: install-dev
	$(BIN)/python -m pytest tests/models $(if $(WORKLOAD),-k $(WORKLOAD))

check: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmark: install-dev
	$(BIN)/python -m tests.benchmarks

selftest: install
	$(BIN)/frostline selftest

aws-smoke: install
	$(BIN)/frostline run quickstart --on aws --budget-usd 1

engine:
	./.ci/engine

servers:
	command -v redis-server >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server >/dev/null; }

# In an environment of its own, for it pins libraries that ours has in other versions.
emulator: $(VENV)/emulator/ready
$(VENV)/emulator/ready: tests/emulator/constraints.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/emulator
	$(VENV)/emulator/bin/python -m pip install --quiet --disable-pip-version-check --constraint $< ministack docker
	@touch $@

netns:
	command -v ip >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends iproute2 >/dev/null; }

chromium:
	./.ci/chromium

clean:
	$(BIN)/frostline clean
