#!/bin/bash
# threads.sh SELFSI FOLDER: seconds of training steps and of a restoration with one thread and with two, on
# the cores as they are and beside two busy loops, in turns. Some five minutes on two free cores.
# STEPS (30), OBJECTS (64) and ROUNDS (2) make it shorter or longer.
set -euo pipefail
selfsi=$(realpath "$1")
mkdir -p "$2"
cd "$2"
steps=${STEPS:-30} objects=${OBJECTS:-64} rounds=${ROUNDS:-2}

cat > job.toml <<'END'
seed = 1
[grid]
min = 4000.0
max = 6500.0
pixels = 1024
[mock]
format = "sdss"
folder = "mock"
spectra = 400
snr = [0.5, 2.0]
resolution = 5000.0
[survey]
prepared = "prepared.h5"
[survey.source]
kind = "sdss"
catalog = "mock/catalog.fits"
spectra = "mock/spectra"
[select]
z_min = 2.75
z_max = 3.25
[normalise]
kind = "window"
min = 6600.0
max = 8000.0
snr_min = 2.0
[forward]
kind = "quasar"
tilt = 0.05
smoothing = { from = "lsf" }
noise = { from = "ivar" }
[interpolant]
kind = "sde"
gamma = 1.0
diffusion = "channel"
epsilon = 1.0
[network]
channels = [48, 64, 96]
gaussian = false
[transport]
scheme = "multistep"
steps = 16
[train]
warm_start = 0
batch = 64
reuse = 4
heldout = 0.1
validate_every = 100000
checkpoint_every = 100000
[restore]
draws = 16
END
[ -e prepared.h5 ] || { "$selfsi" -q mock job.toml > /dev/null; "$selfsi" -q prepare job.toml > /dev/null; }

# seconds COMMAND...: wall seconds of it.
seconds() {
    local begin end
    begin=$(date +%s.%N)
    "$@" > /dev/null 2>&1
    end=$(date +%s.%N)
    awk "BEGIN { printf \"%.1f\", $end - $begin }"
}
# train THREADS: a run as far as its first step, and with the steps that are counted, beyond it.
train() {
    rm -rf run-short run
    local short long
    short=$(seconds "$selfsi" -q train job.toml --out run-short --threads "$1" --set train.steps=1)
    long=$(seconds "$selfsi" -q train job.toml --out run --threads "$1" --set train.steps=$((steps + 1)))
    awk "BEGIN { printf \"%.1f\", $long - $short }"
}
restore() {
    seconds "$selfsi" -q restore run -n "$objects" --out restored.fits --threads "$1"
}

printf '%-28s %8s %8s %8s\n' "" "1 thread" "2" "ratio"
row() { printf '%-28s %8s %8s %8s\n' "$1" "$2" "$3" "$(awk "BEGIN { printf \"%.2f\", $2 / $3 }")"; }
table() {
    for _ in $(seq "$rounds"); do
        row "$1$steps training steps" "$(train 1)" "$(train 2)"
        row "$1restore $objects x 16" "$(restore 1)" "$(restore 2)"
    done
}
table ""
loops=()
trap 'kill "${loops[@]}" 2> /dev/null || true' EXIT
for _ in 1 2; do
    (while :; do :; done) &
    loops+=($!)
done
rounds=1
table "busy: "
