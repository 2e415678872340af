# The commands of this project. Nothing else is needed than python3 (3.11 or 3.12, with venv), make and git.

PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
# uv trusts the system's certificates then, a company's own among them; pip does so by itself.
export UV_SYSTEM_CERTS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The question of make sql, as the shell's own variable: its quotes stay as they are.
export Q
TESTS := pinterest_platform_tests
STACK := $(BIN)/python -m infra.command_line
COMPOSE := docker compose --env-file infra/compose.env --env-file infra/compose.secrets.env -f infra/compose.yaml
# The tags and labels of the images.
export PINTEREST_VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
export PINTEREST_COMMIT := $(shell git describe --always --dirty --abbrev=40 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup run history backfill check-assets accept-topic sql stop status test test-upgrade lint clean-data lock \
	outdated sbom pictures compose-up compose-down test-containers

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.ready ## Start everything, post pins, materialise today, show the answers; it all stays up
	@$(STACK) run

history: .venv/.ready ## Fill days before today with pins, for backfills: make history DAYS=3 PINS=1000
	@$(STACK) history --days "$(or $(DAYS),3)" --pins "$(or $(PINS),1000)"

backfill: .venv/.ready ## Run days again on the running stack: make backfill FROM=2026-11-01 TO=2026-11-30
	@$(STACK) backfill "$(FROM)" "$(TO)"

check-assets: .venv/.ready ## Run every check of a day on the running stack: make check-assets DAY=2026-11-16
	@$(STACK) check-assets "$(DAY)"

accept-topic: .venv/.ready ## Go on with a recreated topic or another Kafka cluster, as a new epoch
	@$(STACK) accept-topic

sql: .venv/.ready ## Ask both layers at once: make sql, or make sql Q="SELECT 1" (or the name of a saved query)
	@$(STACK) sql "$$Q"

stop: .venv/.ready ## Stop everything, in reverse order
	@$(STACK) stop

status: .venv/.ready ## Show what runs, its memory and its log
	@$(STACK) status

test: setup lint ## Lint, then run every test on ports and data of its own
	@mkdir -p .state; $(BIN)/python -m pytest -q $(TESTS)/unit >.state/unit-tests.log 2>&1 & unit=$$!; \
	trap 'kill $$unit' INT TERM; echo "unit tests run at the same time; their output follows at the end"; \
	$(BIN)/python -m pytest $(TESTS)/integration $(TESTS)/end_to_end; servers=$$?; \
	wait $$unit; units=$$?; cat .state/unit-tests.log; test $$servers$$units = 00

test-upgrade: setup ## For a release: run an older version's stack and data on with this one: make test-upgrade FROM=TAG
	@test -n "$(FROM)" || { echo "Which version before? For example: make test-upgrade FROM=HEAD~1"; exit 1; }
	@UPGRADE_FROM="$(FROM)" $(BIN)/python -m pytest -s --timeout=3600 $(TESTS)/upgrade

compose-up: ## Build the images and start everything in containers; needs Docker, not the local stack
	@$(PYTHON) -m infra.compose.env_files
	@$(COMPOSE) build
	@$(COMPOSE) up --detach
	@$(COMPOSE) ps

compose-down: ## Stop and remove the containers; their volumes keep the data
	@$(PYTHON) -m infra.compose.env_files
	@$(COMPOSE) --profile grafana down

test-containers: .venv/.ready ## Build the images and test them in containers of their own; needs Docker
	@$(BIN)/python -m pytest $(TESTS)/containers

lint: .venv/.ready ## Ruff, mypy and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

setup: .venv/.ready ## Install the Python packages and download the servers, without starting anything
	@$(STACK) setup

clean-data: .venv/.ready ## Remove all data of the stack, after asking
	@$(STACK) clean-data

lock: .venv/.ready ## For developers: resolve the servers' POMs with Maven into infra/artifacts.lock
	@$(STACK) lock

outdated: .venv/.ready ## For developers: show what has newer versions, and why some of it is held back
	@$(STACK) outdated

sbom: .venv/.ready ## For developers: write sbom.cdx.json, the bill of materials of Python packages and servers
	@$(STACK) sbom

pictures: .venv/.ready ## For developers: take the documentation's pictures from a running stack with history
	@PYTHONPATH=. $(BIN)/python docs/pictures/take.py
	@PYTHONPATH=. $(BIN)/python docs/pictures/walk_batch.py

.venv/.ready: uv.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null \
		|| { echo "$(PYTHON) is missing. On Debian: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
		|| { echo "$$($(PYTHON) --version) is not 3.11 or 3.12. Install one of them and run: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) has no venv. On Debian: apt install python3-venv"; exit 1; }
	@echo "installing Python packages into .venv"
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	@$(BIN)/uv sync --quiet --frozen --inexact
	@touch $@
