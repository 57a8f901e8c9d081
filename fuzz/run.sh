#!/usr/bin/env bash
# fuzz/run.sh SECONDS [TARGET...]: each target (default: all) for so long, from seeds that selfsi makes.
# Fails if one crashes, hangs or takes more than 4 GB; its input is then kept in fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD seconds=$1
shift
targets=("$@")
((${#targets[@]})) || targets=(config fits hdf5 checkpoint protocol)

# The program's own target folder: what selfsi stands on is not built again.
export CARGO_TARGET_DIR="$root/target"
RUSTC_WRAPPER="$root/fuzz/instrument.sh" cargo build --release --manifest-path fuzz/Cargo.toml

mkdir -p fuzz/artifacts
seeds=fuzz/corpus

if [[ ! -e $seeds/.done ]]; then
    rm -rf "$seeds"
    mkdir -p "$seeds"/{config,fits,hdf5,checkpoint,protocol,job}
    cp fuzz/seeds.toml survey_configs/*.toml survey_configs/images/galaxies.toml "$seeds/config"
    selfsi() { (cd "$seeds/job" && "$root/target/release/selfsi" --threads 1 "$@" >"$root/fuzz/artifacts/seeds.log" 2>&1) || { cat fuzz/artifacts/seeds.log; exit 1; }; }
    job=$root/fuzz/seeds.toml
    selfsi mock "$job"
    selfsi prepare "$job"
    selfsi train "$job" --out run
    selfsi restore run --out restored.fits --save-draws
    cp "$seeds/job/mock/catalog.fits" "$seeds/job/restored.fits" "$seeds/fits"
    cp "$(find "$seeds/job/mock/spectra" -name '*-0003.fits')" "$seeds/fits"
    # Without checksums, what is spoilt is read on.
    LC_ALL=C sed 's/CHECKSUM=/CHECKSUX=/; s/DATASUM =/DATASUX =/' "$seeds/job/restored.fits" >"$seeds/fits/unchecked.fits"
    cp "$seeds/job/set.h5" "$seeds/job/mock/truth.h5" "$seeds/hdf5"
    cp "$seeds"/job/run/checkpoints/*.safetensors "$seeds/checkpoint"
    LC_ALL=C sed 's/crc32c/crc32x/' "$seeds/checkpoint/step-00000004.safetensors" >"$seeds/checkpoint/unchecked"
    # Choice of the job; reply: version 1, D = 8, no latent, y alone; answer: 2 rows of 8 numbers.
    printf '\x01F>SELFSI\x01\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x08\0\0\0%64s' '' >"$seeds/protocol/spectra"
    # As before for images: D = 12, K = 1, P = 0.
    printf '\x82F>SELFSI\x01\0\0\0\x0c\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x0d\0\0\0%104s' '' >"$seeds/protocol/images"
    rm -rf "$seeds/job"
    touch "$seeds/.done"
fi


for target in "${targets[@]}"; do
    echo "== fuzz $target: $seconds s"
    log=fuzz/artifacts/$target.log
    if ! OMP_NUM_THREADS=1 "target/release/fuzz_$target" "$seeds/$target" -max_total_time="$seconds" \
        -timeout=30 -rss_limit_mb=4096 -artifact_prefix="fuzz/artifacts/$target-" >"$log" 2>&1; then
        tail -40 "$log"
        exit 1
    fi
    tail -1 "$log"
done
