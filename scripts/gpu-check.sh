#!/usr/bin/env bash
# What only a GPU can show, in under 8 minutes:
#     scripts/gpu-check.sh [--device cuda|cuda:N|cpu] [--mpi MPIEXEC] [FOLDER]
# One line for each check, PASS, FAIL or SKIP, and the same as a table in FOLDER/table.md (default
# out/gpu-check); what the commands said lies in FOLDER/log. The exit code is 1 if a check failed. Run it at the
# root of a checkout. It needs a Python with numpy (PYTHON) and selfsi (SELFSI), which finds libtorch by itself.
# --mpi: SELFSI was built with MPI, and this starts its ranks. --device cpu runs the same on a tiny survey in
# under a minute, so that the script cannot rot where there is no GPU.
set -uo pipefail
device=cuda mpi='' out=out/gpu-check
while (($#)); do
    case $1 in
    --device) device=$2 && shift ;;
    --mpi) mpi=$2 && shift ;;
    -*) echo "unknown option $1" >&2 && exit 2 ;;
    *) out=$1 ;;
    esac
    shift
done
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 2
python=${PYTHON:-python3}
read -ra selfsi <<<"${SELFSI:-target/release/selfsi}"
compare=("$python" scripts/gpu_compare.py)
gpu=$([[ $device == cpu ]] || echo 1)
# Seconds after which no further check begins.
limit=$([[ $gpu ]] && echo 450 || echo 170)
rm -rf "$out"
mkdir -p "$out/log"
printf '| check | | seconds | |\n|---|---|---|---|\n' >"$out/table.md"
failed=0

told() { # NAME VERDICT SECONDS WORDS
    printf '%-4s  %-22s %4d s  %s\n' "$2" "$1" "$3" "$4"
    printf '| %s | %s | %d | %s |\n' "$1" "$2" "$3" "$4" >>"$out/table.md"
    [[ $2 != FAIL ]] || failed=1
}

# The commands of a check stand in a function; what it prints last is what is told of it. SKIP in front: it says
# why it was not made.
check() { # NAME SECONDS FUNCTION [ARGUMENT...]
    local name=$1 seconds=$2 begin=$SECONDS status=0 words
    shift 2
    if ((SECONDS > limit)); then
        told "$name" SKIP 0 'no time left'
        return
    fi
    export -f "$1" run watched refused 2>/dev/null
    timeout -k 5 "$seconds" bash -c 'set -euo pipefail; '"$(declare -p out device gpu mpi python compare selfsi short demo sde tiny some \
        batches catalog methods)"'; "$@"' check "$@" >"$out/log/$name" 2>&1 || status=$?
    words=$(tail -n 1 "$out/log/$name" | tr '|' '/' | cut -c 1-200)
    if [[ $words == SKIP* ]]; then
        told "$name" SKIP $((SECONDS - begin)) "${words#SKIP }"
    elif ((status == 0)); then
        told "$name" PASS $((SECONDS - begin)) "$words"
    else
        told "$name" FAIL $((SECONDS - begin)) "exit code $status: $words"
    fi
}

run() { "${selfsi[@]}" -q "$@"; }

# Runs a command that must be refused in one line that holds some words.
refused() { # WORDS COMMAND...
    local words=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "not refused" && return 1
    fi
    [[ $(grep -c 'selfsi: error:' <<<"$said") == 1 && $(tail -n 1 <<<"$said") == *"$words"* ]] || {
        printf 'says otherwise: %s\n' "$(tail -n 1 <<<"$said")" && return 1
    }
    tail -n 1 <<<"$said"
}

# Runs a command; tells its seconds, and how busy the GPU was and how much of its memory was taken.
watched() { # COMMAND...
    local csv begin sampler='' status=0
    csv=$(mktemp)
    if [[ $gpu ]]; then
        nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits -lms 250 >"$csv" &
        sampler=$!
    fi
    begin=$(date +%s.%N)
    "$@" || status=$?
    seconds=$(awk -v a="$begin" -v b="$(date +%s.%N)" 'BEGIN { printf "%.2f", b - a }')
    [[ -z $sampler ]] || kill "$sampler"
    busy=$(awk -F, '{ u += $1; if ($2 > m) m = $2; n++ } END { if (n) printf "; GPU busy %.0f %%, %d MiB", u / n, m }' "$csv")
    rm -f "$csv"
    return "$status"
}

# What is computed on: the survey of survey_configs/demo.toml, smaller. Training of a few steps is `short`.
if [[ $gpu ]]; then
    tiny=(--set mock.spectra=4600)
    batches=(64 512 4096) some=4096
    steps=20 methods=em,empca,control
else
    tiny=(--set mock.spectra=48 --set 'mock.snr=[8,16]' --set grid.pixels=64 --set 'network.channels=[8,16]' --set network.margin=16
        --set train.batch=8 --set transport.steps=3)
    batches=(8 16) some=24
    steps=6 methods=empca,control
fi
tiny+=(--set mock.folder="$out/mock" --set survey.prepared="$out/prepared.h5"
    --set survey.source.catalog="$out/mock/catalog.fits" --set survey.source.spectra="$out/mock/spectra")
demo=(survey_configs/demo.toml "${tiny[@]}")
sde=(survey_configs/demo-sde.toml "${tiny[@]}" --set train.reuse=2 --set train.warm_start=2)
short=(--set train.steps=$steps --set train.validate_every=$steps --set train.checkpoint_every=$((steps / 2)))
catalog=(--set restore.draws=4)

machine() {
    if [[ $gpu ]]; then
        nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | head -n 1
    fi
    "${selfsi[@]}" --version
    "${selfsi[@]}" --version | head -n 1
}

survey() {
    run mock "${demo[@]}"
    run prepare "${demo[@]}"
    echo "$out/prepared.h5"
}

# The same run on the processor and on the device, in single precision: the same weights to rounding.
training() {
    run train "${sde[@]}" "${short[@]}" --out "$out/cpu"
    run train "${sde[@]}" "${short[@]}" --out "$out/run" --device "$device" ${gpu:+--tf32 off}
    "${compare[@]}" weights "$out/cpu" "$out/run" 2e-2
}

again() {
    run train "${sde[@]}" "${short[@]}" --out "$out/again" --device "$device" ${gpu:+--tf32 off}
    "${compare[@]}" weights "$out/run" "$out/again" 0
}

# A run that a signal stops, and that goes on, is the run that never stopped.
resumed() {
    "${selfsi[@]}" train "${sde[@]}" "${short[@]}" --out "$out/resumed" --device "$device" ${gpu:+--tf32 off} &
    local pid=$!
    until compgen -G "$out/resumed/checkpoints/*" >/dev/null || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    kill -INT $pid 2>/dev/null || true
    wait $pid || true
    run train "${sde[@]}" "${short[@]}" --out "$out/resumed" --device "$device" ${gpu:+--tf32 off} --resume
    "${compare[@]}" weights "$out/run" "$out/resumed" 0
}

# One run, restored in single precision on both, and on the device with less.
restored() {
    run restore "$out/run" --out "$out/restored-cpu.fits" -n 32 "${catalog[@]}"
    run restore "$out/run" --out "$out/restored-fp32.fits" -n 32 "${catalog[@]}" --device "$device" ${gpu:+--tf32 off}
    "${compare[@]}" catalogs "$out/restored-cpu.fits" "$out/restored-fp32.fits" 1e-2
}

tf32() {
    [[ $gpu ]] || { echo 'SKIP the processor has no TF32' && return; }
    run restore "$out/run" --out "$out/restored-tf32.fits" -n 32 "${catalog[@]}" --device "$device" --tf32 on
    "${compare[@]}" catalogs "$out/restored-cpu.fits" "$out/restored-tf32.fits" 0.1
}

bf16() {
    run restore "$out/run" --out "$out/restored-bf16.fits" -n 32 "${catalog[@]}" --device "$device" --set transport.bf16=true
    "${compare[@]}" catalogs "$out/restored-cpu.fits" "$out/restored-bf16.fits" 0.5
}

# The posterior about a learned mean, as the demo has it.
sure() {
    run train "${demo[@]}" "${short[@]}" --out "$out/sure" --device "$device"
    run restore "$out/sure" --out "$out/sure.fits" -n 32 --device "$device"
    run restore "$out/sure" --out "$out/sure-cpu.fits" -n 32
    "${compare[@]}" catalogs "$out/sure-cpu.fits" "$out/sure.fits" 0.1
}

train-batch() { # ROWS
    watched run train "${sde[@]}" "${short[@]}" --set train.batch="$1" --out "$out/train-$1" --device "$device"
    echo "$("${compare[@]}" rate "$out/train-$1")$busy"
}

restore-batch() { # ROWS
    watched run restore "$out/run" --out "$out/restore-$1.fits" -n "$some" "${catalog[@]}" --set restore.batch="$1" --device "$device"
    local words
    words=$("${compare[@]}" catalogs "$out/restore-${batches[0]}.fits" "$out/restore-$1.fits" 1e-2)
    echo "$some objects, 4 draws each, in $seconds s$busy; $words"
}

streamed() {
    run train "${sde[@]}" "${short[@]}" --set train.memory=0.00001 --out "$out/streamed" --device "$device"
    "${compare[@]}" rate "$out/streamed"
}

images() {
    local set=(survey_configs/images/galaxies.toml --set mock.galaxies.images="$((some > 400 ? 400 : some))" --set mock.folder="$out/galaxies"
        --set survey.source.path="$out/galaxies/cutouts" --set survey.prepared="$out/galaxies.h5")
    [[ $gpu ]] || set+=(--set network.channels=8 --set 'network.multipliers=[1,1]' --set 'network.attention=[]' --set network.head=8 --set train.batch=4 --set transport.steps=2)
    run mock "${set[@]}"
    run prepare "${set[@]}"
    run train "${set[@]}" --set train.steps=4 --set train.validate_every=4 --out "$out/galaxies-run" --device "$device"
    run restore "$out/galaxies-run" --out "$out/galaxies.fits" -n 8 --set restore.draws=2 --device "$device"
    run restore "$out/galaxies-run" --out "$out/galaxies-cpu.fits" -n 8 --set restore.draws=2
    "${compare[@]}" catalogs "$out/galaxies-cpu.fits" "$out/galaxies.fits" 0.1
}

# libtorch may take a fiftieth of the GPU: "auto", which sees all of it, must halve its batches.
halved() {
    [[ $gpu ]] || { echo 'SKIP the processor gives what is asked for' && return; }
    export PYTORCH_CUDA_ALLOC_CONF=per_process_memory_fraction:0.02
    "${selfsi[@]}" restore "$out/run" --out "$out/halved.fits" -n "$some" "${catalog[@]}" --device "$device" |& tee "$out/log/halved.said"
    "${compare[@]}" catalogs "$out/restore-64.fits" "$out/halved.fits" 1e-2
    grep -m 1 'going on with' "$out/log/halved.said"
}

no-memory() {
    [[ $gpu ]] || { echo 'SKIP the processor gives what is asked for' && return; }
    export PYTORCH_CUDA_ALLOC_CONF=per_process_memory_fraction:0.02
    refused restore.batch run restore "$out/run" --out "$out/none.fits" "${catalog[@]}" --set restore.batch=100000 --device "$device"
    refused train.batch run train "${sde[@]}" "${short[@]}" --set train.batch=65536 --out "$out/none" --device "$device"
}

wrong-device() {
    refused --device run restore "$out/run" --out "$out/none.fits" --device cuda:99
}

ranks() {
    if [[ -z $mpi ]]; then
        refused 'built without MPI' env PMI_SIZE=2 PMI_RANK=0 "${selfsi[@]}" -q train "${sde[@]}" "${short[@]}" --out "$out/ranks" --device "$device"
        return
    fi
    "$mpi" -n 2 "${selfsi[@]}" -q train "${sde[@]}" "${short[@]}" --out "$out/ranks" --device "$device" ${gpu:+--tf32 off}
    "${compare[@]}" weights "$out/run" "$out/ranks" 2e-2
}

generate() {
    run generate "$out/run" --restored "$out/restore-${batches[0]}.fits" --out "$out/new.fits" -n 8 --set diffusion.steps=4 \
        --set diffusion.batch=8 --set diffusion.sampler.steps=3 --device "$device"
    echo "$out/new.fits"
}

audit() {
    run audit "$out/run" "$out/restored-fp32.fits" --simulations 200 --out "$out/audit.fits" --device "$device"
    echo "$out/audit.fits"
}

baselines() {
    run restore "$out/run" --out "$out/run/restored.fits" --heldout -n 64 "${catalog[@]}" --save-draws --device "$device"
    run evaluate "$out/run" --truth "$out/mock/truth.h5" --baselines="$methods" --most 16 --device "$device"
    echo "$out/run/evaluation.md"
}

simulator() {
    local set=(survey_configs/command.toml "${tiny[@]}" --set train.steps=4 --set train.validate_every=4 --set transport.steps=2
        --set forward.processes=2 --set "forward.program=[\"$python\", \"data/simulators/quasar.py\", \"0.05\"]")
    run train "${set[@]}" --out "$out/command" --device "$device"
    "${compare[@]}" rate "$out/command"
}

check machine 30 machine
check survey 120 survey
check training 90 training
check again 60 again
check resumed 90 resumed
check restored 90 restored
check tf32 30 tf32
check bf16 60 bf16
check sure 90 sure
for b in "${batches[@]}"; do check "train-batch $b" 60 train-batch "$b"; done
for b in "${batches[@]}" auto; do check "restore-batch $b" 60 restore-batch "$b"; done
check streamed 60 streamed
check images 60 images
check halved 60 halved
check no-memory 60 no-memory
check wrong-device 15 wrong-device
check ranks 60 ranks
check generate 60 generate
check audit 60 audit
check baselines 90 baselines
check simulator 60 simulator
echo "$out/table.md: $SECONDS s"
exit $failed
