# What people type. Everything is done by Python behind it, so that Windows users can type the same without make.
PYTHON = python3
TORCH =
LESSON =
ARGS =

BIN = .venv/bin
# Kernels and Ray's workers look for programs on the PATH: those of this environment come first.
RUN = PATH="$(CURDIR)/$(BIN):$$PATH"

help: ## what there is (this list)
	@echo "make TARGET, where TARGET is one of these (the environment is made when it is needed):"
	@awk -F ' ## ' '/^[a-z]+:.* ## / { split($$1, name, ":"); printf "  %-9s %s\n", name[1], $$2 }' $(MAKEFILE_LIST)

setup: ## the environment in .venv, made or mended; PYTHON=python3.12 names a Python, TORCH=cpu takes the small build
	@$(PYTHON) tools/setup.py $(if $(TORCH),--torch $(TORCH))

lab: .venv/ready ## the first lesson in JupyterLab, a copy of your own in work/; LESSON=9 or LESSON=grid opens another one
	@$(RUN) $(BIN)/python tools/lab.py $(if $(LESSON),"$(LESSON)") $(ARGS)

tune: .venv/ready ## the same search without a notebook; ARGS="--samples 4 --epochs 3", ARGS=--help for the rest
	@$(RUN) $(BIN)/python tools/tune.py $(ARGS)

test: .venv/ready ## everything that CI runs: ruff, mypy, the rules for notebooks, the tests, the notebooks executed and compared
	@$(RUN) $(BIN)/python tools/test.py $(ARGS)

check: .venv/ready ## ruff, mypy, the rules for notebooks and the tests that are quick, in under two minutes: for working
	@$(RUN) $(BIN)/python tools/test.py --quick $(ARGS)

format: .venv/ready ## mend by machine what ruff can mend: the form of the code, the order of imports
	@$(BIN)/python -m ruff check --fix --exit-zero --output-format concise . && $(BIN)/python -m ruff format .

bench: .venv/ready ## the benchmark table; ARGS=--help for parts of it
	@$(RUN) $(BIN)/python -m benchmarks $(ARGS)

refresh: .venv/ready ## run the notebooks and store their text anew; ARGS=--check only looks whether all keep the rules
	@$(RUN) $(BIN)/python tools/notebooks.py $(ARGS)

pictures: .venv/ready ## the static pictures of all plots and widgets in docs/; ARGS="contour quiz" takes only these
	@$(RUN) $(BIN)/python tools/pictures.py $(ARGS)

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) tools/setup.py $(if $(TORCH),--torch $(TORCH))

.PHONY: help setup lab tune test check format bench refresh pictures
