# The one task runner. `make demo` and `make test` need nothing but Python ≥ 3.10 and a package index.
#
#   PYTHON=python3.10   use this interpreter, in an environment of its own
#   FULL=1              also the long kill tests and the torch suite (make test)

# Relative paths only: the checkout's own path may hold spaces.
VENV := .venv$(if $(PYTHON),-$(notdir $(PYTHON)))
PY := $(VENV)/bin/python
READY := $(VENV)/ready
PYTEST := $(PY) -m pytest -n 2
CATALOGUE := src/swarmcache/locale/zh_CN/LC_MESSAGES/swarmcache
export PYTHON FULL

# pip knows uv's index too, when that is the only one configured.
ifeq ($(PIP_INDEX_URL),)
ifneq ($(UV_INDEX_URL)$(UV_DEFAULT_INDEX),)
export PIP_INDEX_URL := $(if $(UV_INDEX_URL),$(value UV_INDEX_URL),$(value UV_DEFAULT_INDEX))
endif
else ifeq ($(UV_INDEX_URL)$(UV_DEFAULT_INDEX),)
export UV_INDEX_URL := $(value PIP_INDEX_URL)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-compat test-torch lint types format bench locale wheel clean

help: ## List these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(READY) $(CATALOGUE).mo ## The whole story on this machine, without internet (about a minute).
	$(PY) -m swarmcache demo

test: $(READY) $(CATALOGUE).mo ## All tests that a plain machine can run; FULL=1 adds the long ones and torch.
	$(PYTEST)
	$(if $(FULL),$(MAKE) test-torch)

test-compat: $(READY) $(CATALOGUE).mo ## Real huggingface_hub versions, each in an environment of its own.
	$(PY) tasks/compat_environments.py
	$(PYTEST) -m compat

test-torch: $(READY) $(CATALOGUE).mo ## Real RL-Swarm and real rollouts, with torch and transformers in environments of their own.
	$(PY) tasks/torch_environment.py
	$(PY) tasks/generation_environment.py
	$(PY) -m pytest -m torch -rs

lint: $(VENV)/ready-lint ## Style and formatting, by ruff.
	$(PY) -m ruff check
	$(PY) -m ruff format --check

types: $(VENV)/ready-lint ## Types, by mypy --strict.
	$(PY) -m mypy

format: $(VENV)/ready-lint ## Let ruff mend what it can.
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

bench: $(READY) ## Run swarmcache and its peers side by side and print the ratios.
	set -e; for script in bench/*.py; do echo "== $$script"; $(PY) "$$script"; done

locale: $(READY) ## Bring the message catalogues up to date with the code, and compile them.
	$(PY) tasks/catalogues.py
	$(PY) build_catalogues.py

wheel: $(READY) ## Build the wheel into dist/.
	$(PY) -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove everything that make made.
	rm -rf .venv .venv-* .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): pyproject.toml tasks/bootstrap
	tasks/bootstrap $(VENV) test

$(VENV)/ready-lint: $(READY)
	$(PY) -m pip install --quiet --group lint
	@touch $@

$(CATALOGUE).mo: $(CATALOGUE).po | $(READY)
	@$(PY) build_catalogues.py
