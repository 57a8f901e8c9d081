#!/usr/bin/env bash
# fuzz/run.sh SECONDS [TARGET...]: run each target (default: all) for SECONDS, from inputs that selfsi makes.
# FUZZ_SEED=N fixes the mutations, as in CI, where a failure should come from the change alone.
# Fails if one panics, hangs or takes more than 4 GB; its input is then kept in fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD seconds=$1 program=$(realpath "${SELFSI:-target/release/selfsi}")
shift
targets=("$@")
((${#targets[@]})) || targets=(config fits hdf5 datasets tables pictures checkpoint protocol)

if ! cargo fetch --quiet --manifest-path fuzz/Cargo.toml; then
    echo "fuzz: libfuzzer-sys cannot be downloaded here; make test runs the same targets"
    exit 0
fi
# The program's own target folder, so that its dependencies are not built again.
export CARGO_TARGET_DIR="$root/target"
# OPTIMISE=1 compiles selfsi in less time, for short runs.
level=(${OPTIMISE:+--config "profile.release.package.selfsi.opt-level=$OPTIMISE"})
RUSTC_WRAPPER="$root/fuzz/instrument.sh" cargo build --release "${level[@]}" --manifest-path fuzz/Cargo.toml

seeds=fuzz/corpus artifacts=fuzz/artifacts
mkdir -p "$artifacts"
if [[ ! -e $seeds/.done ]]; then
    rm -rf "$seeds"
    mkdir -p "$seeds"/{config,fits,hdf5,datasets,tables,pictures,checkpoint,protocol,job}
    cp fuzz/seeds.toml survey_configs/*.toml survey_configs/images/galaxies.toml "$seeds/config"
    selfsi() {
        (cd "$seeds/job" && "$program" --threads 1 "$@") >"$artifacts/seeds.log" 2>&1 || {
            cat "$artifacts/seeds.log"
            exit 1
        }
    }
    job=$root/fuzz/seeds.toml
    selfsi mock "$job"
    selfsi prepare "$job"
    selfsi train "$job" --out run
    selfsi restore run --out restored.fits --save-draws
    cp "$seeds"/job/{mock/catalog.fits,restored.fits} "$(find "$seeds/job/mock/spectra" -name '*-0003.fits')" "$seeds/fits"
    cp "$seeds"/job/{set.h5,mock/truth.h5} "$seeds/hdf5"
    cp "$seeds/job/run/checkpoints/step-00000004.safetensors" "$seeds/checkpoint/checked"
    # Without checksums, what is spoilt is read on.
    export LC_ALL=C
    sed 's/CHECKSUM=/CHECKSUX=/g; s/DATASUM =/DATASUX =/g' "$seeds/fits/restored.fits" >"$seeds/fits/unchecked.fits"
    # A prepared set, a set of images, a catalog.
    for kind in 0 1 2; do printf "\\x0$kind" >"$seeds/datasets/$kind"; done
    # An ASCII table, a binary one, an image in tiles, a cube, a packed table.
    for kind in 0 1 2 3 4; do printf "\\x0$kind" >"$seeds/tables/$kind"; done
    # PNG of 1 × 1 grey pixel; what libFuzzer makes of it, and of a FITS file, is a folder of pictures.
    printf '\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDAT\x78\x9c\x63\x60\0\0\0\x02\0\x01\x48\xaf\xa4\x71\0\0\0\0IEND\xae\x42\x60\x82' >"$seeds/pictures/png"
    cp "$seeds/fits/restored.fits" "$seeds/pictures/fits"
    # Choice of the job; reply: version 1, D = 8, no latent, y alone; answer: 2 rows of 8 numbers.
    printf '\x01F>SELFSI\x01\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x08\0\0\0%64s' '' >"$seeds/protocol/spectra"
    # As before for images: D = 12, K = 1, P = 0.
    printf '\x82F>SELFSI\x01\0\0\0\x0c\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x0d\0\0\0%104s' '' >"$seeds/protocol/images"
    rm -rf "$seeds/job"
    touch "$seeds/.done"
fi

export OMP_NUM_THREADS=1 RUST_BACKTRACE=1
for target in "${targets[@]}"; do
    log=$artifacts/$target.log
    options=(-seed="${FUZZ_SEED:-0}" -max_total_time="$seconds" -rss_limit_mb=4096 -artifact_prefix="$artifacts/$target-" -timeout=30)
    # HDF5 itself hangs or crashes on some spoilt files (docs/reference/faults.md): there, panics alone are ours.
    [[ $target != hdf5 ]] || options+=(-timeout=5 -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1)
    status=0
    "target/release/fuzz_$target" "$seeds/$target" "${options[@]}" >"$log" 2>&1 || status=$?
    if grep -aq panicked "$log" || { ((status)) && [[ $target != hdf5 ]]; }; then
        tail -40 "$log"
        echo "fuzz $target: failed"
        exit 1
    fi
    echo "fuzz $target: $(grep -aE '^(Done|#[0-9]+: cov)' "$log" | tail -1)"
done
