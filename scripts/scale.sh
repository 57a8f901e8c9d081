#!/usr/bin/env bash
# A mock survey of SPECTRA spectra through every command, with the peak of each one's memory:
#     scripts/scale.sh SPECTRA FOLDER [RESTORED]
# RESTORED: restore at most this many spectra (default: all). THREADS: threads of each command (default: all
# cores). docs/measurements/scale.md has what this script measured.
set -euo pipefail
spectra=$1 folder=$2 restored=${3:-$1}
root=$(cd "$(dirname "$0")/.." && pwd)
program=(${SELFSI:-$root/target/release/selfsi} --threads ${THREADS:-$(nproc)})
config=$root/survey_configs/scale.toml
here="$folder/n$spectra"
mkdir -p "$here"
set=(--set mock.spectra="$spectra" --set mock.folder="$here/mock" --set survey.source.file="$here/observed.h5"
    --set survey.prepared="$here/prepared.h5")
python=${PYTHON:-python3}
table="$here/memory.md"
printf '| command | peak memory, MiB | wall clock, s | CPU time, s |\n|---|---|---|---|\n' >"$table"

# Runs a command and notes its own peak of memory (VmHWM, as the kernel counts it) and times.
step() {
    local name=$1
    shift
    "$python" - "$table" "$name" "$@" <<'PY'
import resource, subprocess, sys, time
table, name, command = sys.argv[1], sys.argv[2], sys.argv[3:]
start = time.time()
code = subprocess.run(command).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(table, "a") as out:
    out.write(f"| {name} | {used.ru_maxrss / 1024:.0f} | {time.time() - start:.0f} | {used.ru_utime + used.ru_stime:.0f} |\n")
sys.exit(code)
PY
}

test -f "$here/mock/truth.h5" || step mock "${program[@]}" mock "$config" "${set[@]}"
test -f "$here/observed.h5" ||
    step simulate "${program[@]}" simulate "$config" --from "$here/mock/truth.h5" --out "$here/observed.h5" "${set[@]}"
step "inspect (catalog)" "${program[@]}" inspect "$here/observed.h5"
step prepare "${program[@]}" prepare "$config" "${set[@]}"
step "inspect (prepared set)" "${program[@]}" inspect "$here/prepared.h5"
rm -rf "$here/run"
step train "${program[@]}" train "$config" --out "$here/run" "${set[@]}"
rm -f "$here"/restored*
step restore "${program[@]}" restore "$here/run" --out "$here/run/restored.fits" -n "$restored"
part=$((restored < 20000 ? restored : 20000))
for i in 1 2; do
    step "restore --shard $i/2, of $part" "${program[@]}" restore "$here/run" --out "$here/restored.fits" -n "$part" --shard "$i/2"
done
step "merge, of $part" "${program[@]}" merge "$here"/restored.shard-*.fits --out "$here/merged.fits"
step "inspect (restored)" "${program[@]}" inspect "$here/run/restored.fits"
few=$((restored < 1000 ? restored : 1000))
"${program[@]}" restore "$here/run" --out "$here/few.fits" -n "$few"
step "audit, of $few" "${program[@]}" audit "$here/run" "$here/few.fits" --simulations 200 --out "$here/audit.fits"
step evaluate "${program[@]}" evaluate "$here/run" --truth "$here/mock/truth.h5"
cat "$table"
