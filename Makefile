# Set-up and daily commands; nothing needs to be activated.
#
#   make demo    train a teacher and two students on simulated EEG, write demo/
#   make test    the test suite
#   make check   lint, types, docstrings, tests
#   make docs    the pages, in docs/_build/html; runs the examples that have changed
#   make docs-quick  the same without running examples
#   make bench   the benchmarks
#   make clean   remove what the others wrote, except the environment
#
# torch: `make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu` takes the small
# build without CUDA; without it the package index decides.

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
# Arguments for pytest: two workers, each test module in one of them.
PYTEST_ARGS ?= -n 2 --dist loadfile

PY := $(VENV)/bin/python
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check \
	-c constraints/cpu.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: demo test check lint type docstrings docs docs-quick bench clean
.NOTPARALLEL:

demo: $(VENV)/.installed-run
	$(PY) examples/plot_00_quickstart.py --output demo

# One thread a worker: more only get in each other's way on small networks.
test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(PY) -m pytest $(PYTEST_ARGS)

check: lint type docstrings test

lint: $(VENV)/.installed-dev
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(VENV)/bin/codespell

type: $(VENV)/.installed-dev
	$(PY) -m mypy

docstrings: $(VENV)/.installed-dev
	$(PY) docs/check_docstrings.py

SPHINX = OMP_NUM_THREADS=1 $(PY) -m sphinx -W --keep-going -b html

docs: $(VENV)/.installed-docs
	$(SPHINX) docs docs/_build/html

docs-quick: $(VENV)/.installed-docs
	$(SPHINX) -D plot_gallery=0 docs docs/_build/html

bench: $(VENV)/.installed-run
	for file in benchmarks/bench_*.py; do $(PY) $$file || exit 1; done

clean:
	rm -rf demo dist docs/_build docs/auto_examples docs/generated
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find eegkd tests docs examples benchmarks -name __pycache__ -exec rm -rf {} +

# A stamp says that a set-up is done, until the files that it depends on change.
# "run" installs what users get; test, docs and dev are the extras of pyproject.toml.
$(VENV)/.installed-%: pyproject.toml constraints/cpu.txt | $(VENV)/bin/pip
	@echo "Installing eegkd ($*) into $(VENV): some minutes the first time"
	@$(INSTALL) -e ".$(if $(filter-out run,$*),[$*])"
	@touch $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"eegkd needs Python 3.11 or newer; name one with PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
