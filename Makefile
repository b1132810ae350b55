# Everything from a bare checkout: make demo, make test. Needs Python 3.12 or newer (or PYTHON=...), make and a C compiler.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.14 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo test slow lint bench study-munoz study-intervals study-few-clusters study-compatible study-selection study-files study-calibration study-rare install clean

demo: install
	$(BIN)/bayesimpute demo

# Processes that tests start read what others compiled, which images of containers often forbid Python to write
unexport PYTHONDONTWRITEBYTECODE

# A process for each core, each with whole files: what compiles alike is in one. make test PROCESSES= for one process
PROCESSES := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: install
	$(BIN)/python -m pytest $(PROCESSES)

slow: install
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m pytest -q tests/test_layers.py

# The table of times beside their targets, then the other timings: make bench BENCH="--only popmis brandsma --against FILE"
BENCH :=

bench: install
	$(BIN)/python benchmarks/table.py $(BENCH)
	$(BIN)/python -m pytest -m benchmark benchmarks -s

# Hours; it goes on from where OUT stands: make study-munoz R=100 RHO="0 0.9" KIND=continuous SIZE=1000 WORKERS=2
R := 100
RHO := 0 0.3 0.6 0.9
KIND := continuous binary
SIZE := 1000
WORKERS := 2
OUT := .study/munoz.csv

study-munoz: install
	$(BIN)/python studies/munoz.py --replicates $(R) --rho $(RHO) --kind $(KIND) --size $(SIZE) --workers $(WORKERS) --out $(OUT)

# Coverage of pooled intervals, a quarter of an hour: make study-intervals N=200
N := 200

study-intervals: install
	$(BIN)/python studies/intervals.py --replicates $(N) --workers $(WORKERS) --out .study/intervals.csv

# Variances between few clusters, half an hour
study-few-clusters: install
	$(BIN)/python studies/few_clusters.py --replicates 41 --prior "half-normal 2.5" "half-t3 1" --workers $(WORKERS)

# Compatible imputation against complete data, some hours: make study-compatible N=200; it goes on from where its file stands
study-compatible: install
	$(BIN)/python studies/compatible.py --replicates $(N) --workers $(WORKERS) --out .study/compatible.csv

# Chained equations beside compatible imputation with an incomplete covariate of a selection model: an hour or two
study-selection: install
	$(BIN)/python studies/chained_selection.py --replicates 12 --workers $(WORKERS)

# Ranks of parameters and imputed cells of every family, some hours: make study-calibration R=300; it goes on from where its file stands
study-calibration: install
	$(BIN)/python studies/ranks_by_family.py --replicates $(R) --workers $(WORKERS) --out .study/calibration.csv

# Effective draws a second where outcomes are rare, an hour
study-rare: install
	$(BIN)/python studies/rare_outcomes.py --workers $(WORKERS) --out .study/rare_outcomes.csv

# Every file of a folder with no formulas, an hour or two for those of the tests: make study-files FILES="--data FOLDER"
FILES :=

study-files: install
	$(BIN)/python studies/any_file.py $(FILES) --workers $(WORKERS) --out .study/any_file.csv

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.12 or newer was found: install one, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { echo "$(PYTHON) is not Python 3.12 or newer: install one, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dask]" --group dev
	@touch $(STAMP)

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .ruff_cache .hypothesis .benchmarks
