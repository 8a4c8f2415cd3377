# The commands of this repository. `make` shows them.

BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --only-binary :all: --python-version 3.11

.DEFAULT_GOAL := help
.PHONY: help up test lint bench lock

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## start everything on this machine
	python3 dev.py up

test: ## run the whole test suite
	python3 dev.py test

lint: ## check style, types and the import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

bench: ## measure what a call costs
	python3 dev.py bench

lock: ## lock the newest versions that requirements*.in allow
	$(COMPILE) --upgrade requirements.in -o requirements.txt
	$(COMPILE) --upgrade requirements-dev.in -o requirements-dev.txt
	cd tests/matrix/requirements && for each in *.in; do ../../../$(COMPILE) --upgrade $$each -o $${each%.in}.txt || exit; done
