# make try    installs everything into .venv and completes a line of this project with a local model
# make test   installs what the tests need, checks and tests all of it, real editors included
# make test-deploy   the same for deploy/: a real gateway, pod, firewall and monitoring; wants Debian and root
# make bundle makes one archive that installs on machines without network: dist/*.tar.gz; BUNDLE="--embedded" with the engine
# make lock   renews the locks after a change of dependencies

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: try test test-deploy check unit e2e lock vscode bundle clean

try: $(VENV)/.installed
	$(BIN)/instant-lsp engine fetch
	$(BIN)/instant-lsp try

# Editors are mostly waited for, so their tests run beside the others.
test: check
	$(MAKE) -j2 --output-sync=target unit e2e

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Files in the order of their names: by the number of tests, those of few long ones would come last, on one core.
unit: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --ignore=tests/e2e --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

e2e: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/e2e

test-deploy: $(VENV)/.installed-dev
	sh tests/deploy/set_up.sh
	$(BIN)/python -m pytest tests/deploy

vscode:
	cd editors/vscode && npm ci --no-audit --no-fund && npm run check && npm run package

bundle: $(VENV)/.installed-dev vscode
	$(BIN)/python packaging/bundle.py $(BUNDLE)

lock: $(VENV)/.installed-dev
	$(BIN)/python -m piptools compile -q --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-header --extra embedded --extra mcp -o requirements.lock pyproject.toml
	$(BIN)/python -m piptools compile -q --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-header --extra embedded --extra dev -o requirements-dev.lock pyproject.toml

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements.lock
	$(PIP) install --quiet --no-deps --editable .
	touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements-dev.lock
	$(PIP) install --quiet --no-deps --editable .
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .cache artifacts build dist
