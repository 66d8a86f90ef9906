# The verbs of the house. `make up` and `make test` are all that a newcomer needs.

# The first Python that fits, unless one is named: make up PYTHON=/path/to/python3.12
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c '$(FITS)' 2>/dev/null && echo "$$name" && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Tests at once: most of them wait more than they compute, so more than there are cores.
AT_ONCE ?= 4
# Drills at once: they wait for minutes; the soak comes after them, alone.
DRILLS ?= 2
# Minutes at rated load, at the end of a game day.
SOAK ?= 30
READY := $(VENV)/ready

# pip-audit and CycloneDX's generator, apart from what Doublet itself is made of.
TOOLS := $(VENV)/tools
WITH_TOOLS := PYTHONPATH=$(TOOLS) $(BIN)/python

.PHONY: up test gameday fast check format docs audit sbom clean

up: $(READY)  ## Start everything, double a first picture, stop on Ctrl-C
	@exec $(BIN)/doublet up

test: $(READY)  ## Everything that this machine can test
	$(BIN)/pytest -m "not gameday" --numprocesses $(AT_ONCE) --dist loadfile --durations 40

gameday: $(READY)  ## Every fault, at its full length, and a soak; adds to the day's report
	$(BIN)/pytest tests/faults --ignore tests/faults/test_soak.py --gameday-report docs/gameday \
		--numprocesses $(DRILLS) --dist loadfile
	$(BIN)/pytest tests/faults/test_soak.py --gameday-report docs/gameday --soak-minutes $(SOAK)

fast: $(READY)  ## The tests that need nothing but Python
	$(BIN)/pytest -m "not apache and not postgres and not browser and not slow and not gameday"

check: $(READY)  ## Style, types and whether the generated pages are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

docs: $(READY)  ## Write the generated pages anew
	$(BIN)/python scripts/docs.py

audit: $(TOOLS)  ## Ask PyPI's advisories about every locked package
	@$(WITH_TOOLS) scripts/audit.py

sbom: $(TOOLS)  ## Write build/sbom.json (CycloneDX): every locked package with its hashes
	@$(WITH_TOOLS) scripts/sbom.py

clean:  ## Remove the environment; what Doublet stored in var/ stays
	rm -rf $(VENV) build *.egg-info

$(TOOLS): scripts/tools.lock $(READY)
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-compile --require-hashes \
		--upgrade --target $(TOOLS) --requirement scripts/tools.lock
	@touch $@

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(FITS)' || { echo "Doublet needs Python 3.11, 3.12 or 3.13 \
	with venv (Debian: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Making the environment in $(VENV) (once; it is mostly TensorFlow, some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@
