# Two commands: `make app` opens the dashboard, `make test` checks it; `make test-cluster` adds a Ray cluster.
PYTHON ?= python3.11
BIN = .venv/bin
PORT ?= 8501
WORKERS ?= 2
# Where it is set, each of the hundreds of processes that the tests start would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: app test test-cluster lint format bench clean

app: .venv/installed
	$(BIN)/python -m cxrcore demo --background
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: .venv/installed-dev lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not cluster" --durations 10 -rR

test-cluster: .venv/installed-cluster
	$(BIN)/python -m pytest -m cluster --durations 5

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

BENCH_DATA ?= data/demo

bench: .venv/installed-dev
	$(BIN)/python bench/brisque.py
	PYTHONPATH=. $(BIN)/python bench/explain.py
	$(BIN)/python bench/index.py $(BENCH_DATA)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache

# image-quality is installed without its own requirements: only its data files are used, and libsvm would need a compiler.
.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	grep -v '^image-quality' requirements.txt > .venv/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r .venv/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "$$(grep '^image-quality' requirements.txt)"
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.venv/installed-cluster: .venv/installed-dev requirements-cluster.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt
	touch $@
