# Targets that a person needs; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
N ?= 1000
WORKERS ?= 2

.PHONY: help venv test test-fast test-system lint bench demo demo-cn demo-stop distributed build clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# An egg-info left in the checkout is found beside the installed distribution, and Airflow then
# announces the plugin twice.
$(STAMP): setup.cfg pyproject.toml constraints/newest.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints/newest.txt --editable '.[test,dev,postgres,mysql]'
	rm -rf *.egg-info
	touch $@

venv: $(STAMP) ## make .venv with the package and everything the tests need

test: test-fast test-system ## install what is needed and run every test

test-fast: venv ## the tests that need no whole ERP and no running Airflow
	$(BIN)/python -m pytest -q -p no:cacheprovider -m "not system" -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-system: venv ## the tests against a real ERP and a real Airflow
	$(BIN)/python -m pytest -q -p no:cacheprovider -m system -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: venv ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: venv ## figures, as ratios from one run
	$(BIN)/python -m benchmarks

demo: venv ## start everything and run the main job over N documents
	$(BIN)/python scripts/demo.py --documents $(N)

demo-cn: venv ## DingTalk, Kingdee, U8 and WeCom, in the sandbox, for N documents
	$(BIN)/python -m scripts.demo_cn --documents $(if $(filter file,$(origin N)),3,$(N))

demo-stop: ## end what the demo has started
	$(BIN)/python scripts/demo.py --stop

distributed: venv ## the main job on CeleryExecutor with Redis and PostgreSQL, a worker killed in the middle
	$(BIN)/python scripts/distributed.py --documents $(if $(filter file,$(origin N)),60,$(N))

build: venv ## wheel and sdist in dist/
	$(BIN)/uv build --python $(BIN)/python
	rm -rf *.egg-info build

clean: ## remove what was built; the demo has to be stopped first
	rm -rf $(VENV) .cache .demo .distributed build dist *.egg-info
