# make demo and make test are the two commands; make help lists the rest.
VENV := $(CURDIR)/.venv
PYTHON ?= python3
# An own libtorch (HPC) goes before the one of the virtual environment.
LIBTORCH ?= $(shell $(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)/torch
SELFSI := target/release/selfsi
RUN := export LIBTORCH="$(LIBTORCH)" PATH="$(VENV)/bin:$$PATH";

.PHONY: help setup build demo test lint bench clean
help:            ## this list
	@grep -E '^[a-z]+: .*##|^[a-z]+:  +##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(VENV)/.done   ## virtual environment with libtorch and cmake

$(VENV)/.done: requirements/build.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/build.txt
	touch $@

# A new make reads LIBTORCH after the virtual environment is there.
build: setup           ## the program, target/release/selfsi
	@$(MAKE) --no-print-directory cargo-build
cargo-build:
	$(RUN) cargo build --release

demo: build            ## a mock survey, made, prepared, trained, restored, evaluated, plotted
	rm -rf out/demo/run
	$(SELFSI) mock survey_configs/demo.toml
	$(SELFSI) prepare survey_configs/demo.toml
	$(SELFSI) train survey_configs/demo.toml --out out/demo/run
	$(SELFSI) restore out/demo/run out/demo/prepared.h5 --out out/demo/run/restored.fits --heldout
	$(SELFSI) evaluate out/demo/run --truth out/demo/mock/truth.h5
	$(SELFSI) plot spectra out/demo/run/restored.fits --truth out/demo/mock/truth.h5 --out out/demo/spectra.png
	$(SELFSI) plot training out/demo/run --out out/demo/training.png
	@echo "restored catalog: out/demo/run/restored.fits; picture: out/demo/spectra.png"

test: setup            ## unit, integration and doc tests
	@$(MAKE) --no-print-directory cargo-test
cargo-test:
	$(RUN) cargo test --release

lint: setup            ## formatting and clippy, warnings denied
	@$(MAKE) --no-print-directory cargo-lint
cargo-lint:
	cargo fmt --check
	$(RUN) cargo clippy --release --all-targets -- -D warnings

bench: setup           ## criterion benches
	$(RUN) cargo bench

clean:                 ## removes outputs and builds
	rm -rf out target $(VENV)
