# make demo and make test are the two commands; make help lists the rest.
VENV := $(CURDIR)/.venv
CHECK := $(CURDIR)/.venv-check
MPI := $(CURDIR)/.venv-mpi
PYTHON ?= python3
# An own libtorch (HPC) goes before the one of the virtual environment.
LIBTORCH ?= $(shell $(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)/torch
SELFSI := target/release/selfsi
RUN := export LIBTORCH="$(LIBTORCH)" PATH="$(VENV)/bin:$$PATH";
WITH_MPI = $(RUN) export MPICC="$(MPI)/bin/mpicc" SELFSI_MPIEXEC="$(MPI)/bin/mpiexec" \
    LIBCLANG_PATH="$(wildcard $(MPI)/lib/python3.*/site-packages/clang/native)" \
    BINDGEN_EXTRA_CLANG_ARGS="-I$$(gcc -print-file-name=include)";
comma := ,
ODE := --set 'interpolant={kind="ode"}'

.PHONY: help setup build cargo-build demo demo-mock demo-data demo-images toy notebooks study scale test cargo-test quick cargo-quick setup-mpi build-mpi cargo-build-mpi test-mpi cargo-test-mpi test-slurm check lint cargo-lint fuzz cargo-fuzz bench bench-eager estep clean
help:            ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(VENV)/.done   ## virtual environment with libtorch and cmake

$(VENV)/.done: requirements/build.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/build.txt
	touch $@

check: $(CHECK)/.done  ## virtual environment with astropy and specutils, for the tests alone

$(CHECK)/.done: requirements/check.txt
	$(PYTHON) -m venv $(CHECK)
	$(CHECK)/bin/pip install --quiet --no-cache-dir -r requirements/check.txt
	touch $@

# A new make reads LIBTORCH after the virtual environment is there.
build: setup           ## the program, target/release/selfsi
	@$(MAKE) --no-print-directory cargo-build
cargo-build:
	$(RUN) cargo build --release

demo: build            ## a mock survey (or DATA=folder CATALOG=file: yours), prepared, trained, restored, plotted
	@$(MAKE) --no-print-directory $(if $(DATA),demo-data,demo-mock)

demo-mock:
	rm -rf out/demo/run
	$(SELFSI) mock survey_configs/demo.toml
	$(SELFSI) prepare survey_configs/demo.toml
	$(SELFSI) train survey_configs/demo.toml --out out/demo/run
	$(SELFSI) restore out/demo/run out/demo/prepared.h5 --out out/demo/run/restored.fits --heldout -n 400 --save-draws --spectra out/demo/run/spectra
	$(SELFSI) evaluate out/demo/run --truth out/demo/mock/truth.h5
	$(SELFSI) audit out/demo/run out/demo/run/restored.fits --out out/demo/run/audit.fits
	$(SELFSI) diagnose out/demo/run
	$(SELFSI) plot spectra out/demo/run/restored.fits --truth out/demo/mock/truth.h5 --out out/demo/spectra.png
	$(SELFSI) plot training out/demo/run --out out/demo/training.png
	@echo "restored catalog: out/demo/run/restored.fits; picture: out/demo/spectra.png"

# Real images in the virtual environment: the digits of scikit-learn, of which the table alone is read.
$(VENV)/.digits: $(VENV)/.done requirements/demo.txt
	$(VENV)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/demo.txt
	touch $@

IMAGES := out/demo-images
demo-images: build $(VENV)/.digits ## real digits, half of their pixels lost: simulated, trained, restored, evaluated
	rm -rf $(IMAGES)/run
	$(VENV)/bin/python data/digits.py $(IMAGES)/digits.npy
	$(SELFSI) simulate survey_configs/demo-images.toml --from $(IMAGES)/digits.npy --out $(IMAGES)/observed.h5
	$(SELFSI) prepare survey_configs/demo-images.toml
	$(SELFSI) train survey_configs/demo-images.toml --out $(IMAGES)/run
	$(SELFSI) restore $(IMAGES)/run --out $(IMAGES)/run/restored.fits --heldout
	$(SELFSI) evaluate $(IMAGES)/run --truth $(IMAGES)/digits.npy
	$(SELFSI) plot images $(IMAGES)/run/restored.fits --truth $(IMAGES)/digits.npy --out $(IMAGES)/images.png
	@echo "restored images: $(IMAGES)/run/restored.fits; picture: $(IMAGES)/images.png"

toy: build             ## two moons, 8 Gaussians, checkerboard: restored by ODE and SDE, measured and drawn
	$(SELFSI) toy --out out/toy $(TOY)

# The notebooks open what make demo and make toy wrote.
$(CHECK)/.notebooks: $(CHECK)/.done requirements/notebooks.txt
	$(CHECK)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/notebooks.txt
	touch $@

notebooks: build $(CHECK)/.notebooks ## the notebooks, executed on what the demo left (made first if it is not there)
	@test -f out/demo/run/restored.fits || $(MAKE) --no-print-directory demo-mock
	@test -f out/toy/toy.json || $(MAKE) --no-print-directory toy
	mkdir -p out/notebooks
	for n in notebooks/*.ipynb; do \
	    SELFSI_OUT="$(CURDIR)/out" $(CHECK)/bin/python -m nbconvert --to html --execute $$n --output-dir out/notebooks || exit 1; done

SOURCE := --set 'survey.source={kind="sdss",spectra="$(DATA)"$(if $(CATALOG),$(comma)catalog="$(CATALOG)")}' --set survey.prepared=out/demo-data/prepared.h5
demo-data:
	rm -rf out/demo-data/run
	$(SELFSI) prepare survey_configs/boss.toml $(SOURCE)
	$(SELFSI) train survey_configs/boss.toml $(SOURCE) --out out/demo-data/run
	$(SELFSI) restore out/demo-data/run out/demo-data/prepared.h5 --out out/demo-data/restored.fits
	$(SELFSI) plot spectra out/demo-data/restored.fits --out out/demo-data/spectra.png
	@echo "restored catalog: out/demo-data/restored.fits; picture: out/demo-data/spectra.png"

study: build           ## both regimes of the source, ODE and SDE, measured: data/study/README.md
	@for regime in low-snr low-resolution; do \
	    $(MAKE) --no-print-directory study-$$regime || exit 1; done
	$(SELFSI) evaluate --report data/study/README.md data/study/low-snr data/study/low-resolution

# 500 of the spectra held out are restored and scored; a run's folder must not exist when it starts.
study-%:
	rm -rf out/$*/sde out/$*/ode
	mkdir -p data/study/$*
	$(SELFSI) mock survey_configs/$*.toml
	$(if $(filter low-resolution,$*),$(SELFSI) simulate survey_configs/$*.toml --from out/$*/mock/truth.h5 --out out/$*/observed.h5)
	$(SELFSI) prepare survey_configs/$*.toml
	$(SELFSI) train survey_configs/$*.toml --out out/$*/sde
	$(SELFSI) train survey_configs/$*.toml --out out/$*/ode $(ODE)
	$(SELFSI) restore out/$*/sde --out out/$*/sde/restored.fits --heldout -n 500
	$(SELFSI) restore out/$*/ode --out out/$*/ode/restored.fits --heldout -n 500
	$(SELFSI) evaluate out/$*/ode out/$*/sde --truth out/$*/mock/truth.h5 --out data/study/$*
	$(SELFSI) plot spectra out/$*/ode/restored.fits --truth out/$*/mock/truth.h5 --out data/study/$*/spectra-ode.png
	$(SELFSI) plot spectra out/$*/sde/restored.fits --truth out/$*/mock/truth.h5 --out data/study/$*/spectra.png
	$(SELFSI) plot population out/$*/ode/restored.fits out/$*/sde/restored.fits --truth out/$*/mock/truth.h5 --out data/study/$*/population.png

SCALE ?= 1000000
scale: build           ## a mock survey of SCALE=1000000 spectra through every command, with peaks of memory: hours
	SELFSI="$(CURDIR)/$(SELFSI)" scripts/scale.sh $(SCALE) out/scale

test: setup check      ## unit, integration and doc tests
	@$(MAKE) --no-print-directory cargo-test
# Tests run beside each other, so that each takes one thread.
cargo-test:
	$(RUN) export SELFSI_CHECK_PYTHON="$(CHECK)/bin/python" OMP_NUM_THREADS=1; cargo test --release

quick: setup           ## formatting, clippy of the library and the program, unit tests of the library
	@$(MAKE) --no-print-directory cargo-quick
cargo-quick:
	cargo fmt --check
	$(RUN) cargo clippy --release --lib --bins -- -D warnings
	$(RUN) export OMP_NUM_THREADS=1; cargo test --release --lib

# An MPI in a virtual environment of its own: its mpiexec must not come before a cluster's.
$(MPI)/.done: requirements/mpi.txt
	$(PYTHON) -m venv $(MPI)
	$(MPI)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/mpi.txt
	touch $@

setup-mpi: $(MPI)/.done ## MPICH and libclang, without root: for where there is no MPI yet

# As for LIBTORCH: a new make looks for what was just installed.
build-mpi: setup setup-mpi ## the program with MPI (docs/cluster.md)
	@$(MAKE) --no-print-directory cargo-build-mpi
cargo-build-mpi:
	$(WITH_MPI) cargo build --release --features mpi

test-mpi: setup setup-mpi ## clippy and tests of training on several MPI ranks
	@$(MAKE) --no-print-directory cargo-test-mpi
cargo-test-mpi:
	$(WITH_MPI) cargo clippy --release --lib --bins --test mpi --features mpi -- -D warnings
	$(WITH_MPI) cargo test --release --features mpi --test mpi

test-slurm: build-mpi  ## the scripts of selfsi slurm in a real SLURM on this machine; needs root
	scripts/slurm-loopback.sh

lint: setup            ## formatting and clippy, warnings denied
	@$(MAKE) --no-print-directory cargo-lint
cargo-lint:
	cargo fmt --check
	$(RUN) cargo clippy --release --all-targets -- -D warnings

FUZZ_SECONDS ?= 20
FUZZ_SEED ?= 0
fuzz: build            ## the fuzz targets (fuzz/), FUZZ_SECONDS=20 each; FUZZ_SEED=N: always the same inputs
	@$(MAKE) --no-print-directory cargo-fuzz
cargo-fuzz:
	$(RUN) FUZZ_SEED=$(FUZZ_SEED) bash fuzz/run.sh $(FUZZ_SECONDS)

bench: setup           ## criterion benches
	$(RUN) cargo bench

# All of torch, to be timed beside: some 5 GB.
BENCH := $(CURDIR)/.venv-bench
$(BENCH)/.done: requirements/bench.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --no-cache-dir -r requirements/bench.txt
	touch $@

bench-eager: setup $(BENCH)/.done ## a training step and a restoration beside PyTorch's eager mode
	$(RUN) mkdir -p out; cargo build --release --bench eager --message-format json | $(PYTHON) -c "import json,sys; print([m['executable'] for m in map(json.loads, sys.stdin) if m.get('executable')][-1])" > out/eager.path
	$(BENCH)/bin/python benches/eager.py "$$(cat out/eager.path)"

estep: build           ## what the levers on the E-step cost and give: docs/estep.md (hours)
	test -f out/demo/prepared.h5 || { $(SELFSI) mock survey_configs/demo.toml && $(SELFSI) prepare survey_configs/demo.toml; }
	$(PYTHON) scripts/estep.py moons
	$(PYTHON) scripts/estep.py demo

clean:                 ## removes outputs and builds
	rm -rf out target $(VENV) $(CHECK) $(MPI) $(BENCH)
