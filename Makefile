# Everything runs in .venv, made from constraints.txt: two machines get the same versions.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: run demo test test-long bench experiment bundle deb tarball lint lock clean

run: $(READY)
	$(BIN)/daig-server run --data var

demo: $(READY)
	$(BIN)/python -m tests.end_to_end.demo

test: $(READY) lint
	$(BIN)/pytest -m "not long" -n 2

test-long: $(READY)
	$(BIN)/pytest -m long --timeout=3600 -s

bench: $(READY)
	$(BIN)/python -m tests.benchmarks.bench_trainer
	$(BIN)/python -m tests.benchmarks.bench_round
	$(BIN)/python -m tests.benchmarks.bench_dispatch
	$(BIN)/python -m tests.benchmarks.bench_averaging
	$(BIN)/python -m tests.benchmarks.bench_agreement

# Twenty hosts, some of them liars: an hour or two. What is kept beside it is written anew.
experiment: $(READY)
	$(BIN)/python -m tests.experiments.strangers

# The volunteer's program in one folder: make bundle JOIN=daig-join.toml RELEASE_KEY=release-key.pub
bundle: $(READY)
	$(BIN)/python -c 'import PyInstaller' 2>/dev/null || $(BIN)/pip install -q -c constraints.txt -e '.[build]'
	$(BIN)/python packaging/bundle.py $(if $(JOIN),--join $(JOIN)) $(if $(RELEASE_KEY),--release-key $(RELEASE_KEY))

dist/daig-volunteer/daig-volunteer:
	$(MAKE) bundle

deb: dist/daig-volunteer/daig-volunteer
	$(BIN)/python packaging/linux/deb.py

tarball: dist/daig-volunteer/daig-volunteer
	$(BIN)/python packaging/linux/tarball.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The lock file: every version, for every platform that we support.
lock: $(READY)
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras setup.cfg -o constraints.txt --no-annotate --no-header

$(READY): setup.cfg pyproject.toml constraints.txt
	@echo "Setting up .venv (2.3 GB, some minutes, without a word from pip) ..."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[server,volunteer,requestor,test]'
	if pkg-config --exists gobject-introspection-1.0 cairo; then \
	  $(BIN)/pip install -q -c constraints.txt -e '.[desktop]'; fi
	touch $@

clean:
	rm -rf .venv var build dist test-output *.egg-info
