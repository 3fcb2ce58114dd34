# Set-up and daily commands; nothing needs to be activated.
#
#   make demo    train a teacher and two students on simulated EEG, write demo/
#   make test    the test suite
#   make check   lint, types, docstrings, pages, and the tests with their coverage
#   make test-oldest  the test suite with the oldest packages that are declared
#   make docs    the pages, in docs/_build/html; runs the examples that have changed
#   make docs-quick  the same without running examples
#   make bench   the benchmarks
#   make release-check  build the wheel and the source archive, and try both
#   make clean   remove what the others wrote, except the environments
#
# torch: `make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu` takes the small
# build without CUDA; without it the package index decides.

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
# Arguments for pytest: two workers, each test module in one of them.
PYTEST_ARGS ?= -n 2 --dist loadfile

PY := $(VENV)/bin/python
CONSTRAINTS = constraints/cpu.txt
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check \
	-c $(CONSTRAINTS) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# A stamp says that a set-up is done, until the files that it depends on change. "run" is
# what users get; test, docs and dev are extras of pyproject.toml. "dev" has the others in
# it: where it is there, or will be, it serves for all of them.
DEV := $(wildcard $(VENV)/.installed-dev) \
	$(filter check lint type docstrings release-check,$(MAKECMDGOALS))
installed = $(VENV)/.installed-$(if $(strip $(DEV)),dev,$(1))

.PHONY: demo test check lint type docstrings docs docs-quick bench clean
.PHONY: test-oldest release-check
.NOTPARALLEL:

demo: $(call installed,run)
	$(PY) examples/plot_00_quickstart.py --output demo

# One thread a worker: more only get in each other's way on small networks.
test: $(call installed,test)
	OMP_NUM_THREADS=1 $(PY) -m pytest $(PYTEST_ARGS) $(COVERAGE)

# Coverage makes the tests half as slow again: it is measured here only.
check: COVERAGE = --cov
check: lint type docstrings docs-quick test

# What old packages warn of beside newer ones is no failure.
test-oldest:
	$(MAKE) test VENV=.venv-oldest CONSTRAINTS=constraints/oldest.txt \
	PYTEST_ARGS="$(PYTEST_ARGS) -W default"

lint: $(call installed,dev)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(VENV)/bin/codespell

type: $(call installed,dev)
	$(PY) -m mypy

docstrings: $(call installed,dev)
	$(PY) docs/check_docstrings.py

SPHINX = OMP_NUM_THREADS=1 $(PY) -m sphinx -W --keep-going -b html

docs: $(call installed,docs)
	$(SPHINX) docs docs/_build/html

docs-quick: $(call installed,docs)
	$(SPHINX) -D plot_gallery=0 docs docs/_build/html

bench: $(call installed,run)
	for file in benchmarks/bench_*.py; do $(PY) $$file || exit 1; done

release-check: $(call installed,dev)
	$(PY) .ci/check_release.py

clean:
	rm -rf demo build dist docs/_build docs/auto_examples docs/generated
	rm -rf .coverage* .mypy_cache .pytest_cache .ruff_cache
	find eegkd tests docs examples benchmarks -name __pycache__ -exec rm -rf {} +

$(VENV)/.installed-%: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/pip
	@echo "Installing eegkd ($*) into $(VENV): some minutes the first time"
	@$(INSTALL) -e ".$(if $(filter-out run,$*),[$*])"
	@touch $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"eegkd needs Python 3.11 or newer; name one with PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
