# Every task of the project; each does its own set-up. `make help` lists them.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# Processes that run tests side by side. They wait more than they compute.
TESTS ?= 2
BIN = $(VENV)/bin
PIP = $(BIN)/pip install -q --disable-pip-version-check
PREFIX ?= /opt/fastdhcp
UNITS ?= /etc/systemd/system
SYSUSERS ?= /etc/sysusers.d
WHEEL ?=
PYX = $(wildcard fastdhcp/*.pyx fastdhcp/*.pxd bench/*.pyx bench/*.pxd tests/*.pyx)
STUBBED = $(patsubst fastdhcp/%.pyi,fastdhcp.%,$(wildcard fastdhcp/*.pyi)) \
          $(patsubst bench/%.pyi,fastdhcp_bench.%,$(wildcard bench/*.pyi)) \
          $(patsubst tests/%.pyi,tests.%,$(wildcard tests/*.pyi))

export PYTHON

.PHONY: help run build test test-quick lint format bench compare restart crash fuzz kea clean
.PHONY: docs firmware instructions wheel install uninstall
.DEFAULT_GOAL := help

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: build ## build, then the demo: a private network with clients on real port 67
	$(BIN)/fastdhcp demo $(ARGS)

build: $(VENV)/run.stamp ## compile what changed, in place
	@$(BIN)/python setup.py -q build_ext --inplace

wheel: $(VENV)/bin/python ## the package to install, in dist/
	@rm -rf build/lib.* build/bdist.* dist/fastdhcp-*.whl
	@echo "Building the wheel in dist/ (about a minute) ..."
	@$(BIN)/pip wheel -q --disable-pip-version-check --no-build-isolation --no-deps -w dist .

install: $(if $(WHEEL),,wheel) ## as root: the server under PREFIX, with its unit (docs/INSTALL.md)
	@packaging/install $(PREFIX) $(or $(WHEEL),dist/fastdhcp-*.whl) $(UNITS) $(SYSUSERS)

uninstall: ## as root: what `install` put there; configuration and leases stay
	@packaging/uninstall $(PREFIX) $(UNITS) $(SYSUSERS)

test: build $(VENV)/test.stamp lint ## lint and all tests
	$(BIN)/python -m pytest -q -n $(TESTS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-quick: build $(VENV)/test.stamp ## the unit tests only: no network, no root, a few seconds
	$(BIN)/python -m pytest -q tests/unit tests/test_source.py $(ARGS)

lint: build $(VENV)/test.stamp ## ruff, cython-lint, mypy, and the stubs against what was compiled
	$(BIN)/ruff check
	PATH=$(BIN):$$PATH cython-lint $(PYX)
	@mkdir -p build/typed && ln -sfn ../../bench build/typed/fastdhcp_bench
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/stubtest --concise --ignore-disjoint-bases --allowlist .ci/stubtest.allow \
	    --ignore-unused-allowlist $(STUBBED)

format: $(VENV)/test.stamp ## lay the Python out as lint wants it
	$(BIN)/ruff check -q --fix
	$(BIN)/ruff format

bench: build $(VENV)/test.stamp ## the units' benchmarks, for real
	$(BIN)/python -m pytest -q --benchmark-enable --benchmark-only tests/bench $(ARGS)

compare: build $(VENV)/test.stamp ## the floor: this server beside the echo, in one run
	$(BIN)/fastdhcp bench compare $(ARGS)

instructions: build ## what a packet costs, counted by valgrind; ARGS="--against TREE" compares
	$(BIN)/python tests/bench/instructions.py $(ARGS)

restart: build $(VENV)/test.stamp ## a start with a million leases: first OFFER, and memory
	$(BIN)/python -m fastdhcp_bench.restart $(ARGS)

crash: build $(VENV)/test.stamp ## 200 kills under load, against the client's ledger
	$(BIN)/python -m tests.crash $(ARGS)

fuzz: build $(VENV)/test.stamp ## hostile messages and programs, held against the plain twins
	$(BIN)/python -m tests.fuzz.fuzz_codec --count 1000000 $(ARGS)
	$(BIN)/python -m tests.fuzz.fuzz_program --count 1000000 $(ARGS)

kea: build $(VENV)/test.stamp ## expressions as a living Kea says them, beside answers kept
	$(BIN)/python -m tests.kea $(ARGS)

firmware: build $(VENV)/test.stamp ## real firmware boots, in qemu (tests/boot/README.md)
	$(BIN)/python -m pytest -q -s --long tests/boot $(ARGS)

docs: build $(VENV)/test.stamp ## the pages that are made of the code
	$(BIN)/python -m tests.reference_page
	$(BIN)/python -m tests.failover_page

clean: ## remove what was built here, and the virtual environment
	rm -rf build dist $(VENV) fastdhcp.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	rm -f fastdhcp/*.so bench/*.so tests/*.so
	find fastdhcp bench tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@.ci/prepare run
	@echo "Creating the virtual environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing what compiles fastdhcp ..."
	@$(PIP) 'setuptools>=77' 'Cython>=3.3,<3.4'

# The extensions are compiled in place by `build`; the install only makes names known.
$(VENV)/run.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "Installing the libraries that fastdhcp uses ..."
	@FASTDHCP_COMPILE=0 $(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/test.stamp: pyproject.toml .ci/prepare | $(VENV)/run.stamp
	@.ci/prepare test
	@echo "Installing what the tests use ..."
	@$(BIN)/python -c "import tomllib; extra = tomllib.load(open('pyproject.toml', 'rb')) \
	    ['project']['optional-dependencies']; print(*sum(extra.values(), []), sep='\n')" \
	    | $(PIP) -r /dev/stdin
	@touch $@
