# Every target installs into .venv what it lacks; a second run finds it there.
PYTHON ?= python3
# A plain `torch` brings gigabytes of CUDA libraries from some indexes; this one is tested.
TORCH ?= torch==2.13.0
BIN = .venv/bin
STAMP = .venv/.installed

.PHONY: install race test selftest check format bench docs clean

install: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	$(BIN)/python -m pip install --quiet --editable '.[all,dev]'
	touch $@

race: $(STAMP)
	$(BIN)/samestep race iris-mlp $(ARGS)

test: check
	$(BIN)/python -m pytest -n 2 $(ARGS)

# The guided fuzzer is part of it where Atheris has a build for this Python and system.
selftest: $(STAMP)
	-$(BIN)/python -m pip install --quiet --only-binary :all: atheris
	$(BIN)/python bench/selftest.py $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python bench/tax.py $(ARGS)

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/mkdocs build --strict

clean:
	rm -rf .venv site build dist
