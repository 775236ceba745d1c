# demo   simulate, prepare, train, predict, evaluate and report, in minutes (petsynth-demo/);
#        a second time: .venv/bin/petsynth demo --overwrite
# test   the tests, without the slow ones     test-all   with them
# faults 1,000 faults: kills, full disks, two at once, bad files, in tests/faults (hours); counts at the end
# check  lint, format, types, layers, spelling
# bench  the benchmarks that need no data of yours; each prints one JSON object as its last line
# docs   run the examples in the documentation, check its links, and build the site in site/
# walk   type every command of the documentation, in an environment of its own (walked/; an hour)
# lowest, latest   the tests with the lowest and with the latest versions that pyproject.toml allows
# release  wheel and source distribution in dist/, checked, and the licences of what they need
#
# Whichever runs first makes the virtual environment .venv. Another Python: make PYTHON=python3.12 test

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
INSTALLED := .venv/.petsynth-installed
PYTEST := $(BIN)/python -m pytest
# The others have required arguments: prepared data, runs or scans.
BENCHMARKS = $(shell grep -L 'required=True' benchmarks/*.py)

# One thread per process: the tests run in WORKERS processes, and results do not depend on it.
test test-all faults docs: export OMP_NUM_THREADS = 1
test test-all faults docs: export MPLBACKEND = Agg
faults: export PETSYNTH_FAULTS ?= 1000

.PHONY: demo test test-all faults check lint format types layers spelling bench docs install release \
  walk lowest latest
.DEFAULT_GOAL := test

install: $(INSTALLED)

# A .venv that is there already (of another tool, without pip, moved or broken) is used if it
# works and made anew if it does not.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "petsynth needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
	  { $(BIN)/python -m pip --version || $(BIN)/python -m ensurepip; } >/dev/null 2>&1 || \
	  $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e '.[tensorboard,test,browser,dev,docs]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/petsynth demo

test: $(INSTALLED)
	$(PYTEST) -m 'not slow' -n $(WORKERS) --dist loadfile -q

test-all: $(INSTALLED)
	$(PYTEST) -n $(WORKERS) --dist loadfile -q

faults: $(INSTALLED)
	$(PYTEST) -n $(WORKERS) -q tests/faults

check: lint format types layers spelling

lint: $(INSTALLED)
	$(BIN)/ruff check .

format: $(INSTALLED)
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

layers: $(INSTALLED)
	$(BIN)/lint-imports

spelling: $(INSTALLED)
	$(BIN)/codespell

bench: $(INSTALLED)
	@set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script; done

docs: $(INSTALLED)
	$(PYTEST) -q tests/test_docs.py
	$(BIN)/python tools/build_docs.py

# From the wheel, as a new user installs it; the folder walked/ is made anew.
walk: $(INSTALLED)
	$(BIN)/python -m pip wheel --quiet --no-deps -w build/wheel .
	$(PYTHON) -m venv --clear .venv-walk
	.venv-walk/bin/python -m pip install --quiet -c constraints.txt \
	  "$$(ls -t build/wheel/petsynth-*.whl | head -n 1)[dicom,view,rate,validate]"
	rm -rf walked && .venv-walk/bin/python docs/tests/walk.py walked

# torch is several GB in each of both environments, unless an index with the CPU build is set.
# Old libraries warn of what has changed in newer ones beside them: no error of ours.
lowest: RESOLUTION := lowest-direct
lowest: PYTEST_MORE := -o filterwarnings=default
latest: RESOLUTION := highest
lowest latest: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-$@
	$(BIN)/uv pip install --quiet --python .venv-$@/bin/python --resolution $(RESOLUTION) \
	  -e '.[tensorboard,test,dev]'
	OMP_NUM_THREADS=1 MPLBACKEND=Agg \
	  .venv-$@/bin/python -m pytest -m 'not slow' -n $(WORKERS) --dist loadfile -q $(PYTEST_MORE)

release: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	$(BIN)/python tools/release.py
