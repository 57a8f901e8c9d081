#!/usr/bin/env bash
# The scripts of `selfsi slurm` in a real SLURM: munge, slurmctld and slurmd from Debian's packages,
# on the loopback, for the duration of this script. It trains on a small survey (with a signal in the
# middle, as at the end of a time limit: the job goes back into the queue and continues), restores by a
# job array and merges. The result must equal what one job restores, to the last byte of every image and
# table. Everything is in one temporary folder; nothing under /etc is touched.
#
#     make test-slurm
#
# It needs root (for the packages, and for slurmd, which becomes the user of a job). Where it cannot run,
# it says why and exits with 0, unless SLURM_LOOPBACK=required.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "slurm-loopback: skipped: $1"
    [ "${SLURM_LOOPBACK:-}" != required ]
    exit
}

[ "$(id -u)" -eq 0 ] || skip "it needs root, for the packages and for slurmd"
selfsi=${SELFSI:-$PWD/target/release/selfsi}
[ -x "$selfsi" ] || skip "no $selfsi; run make build or build-mpi first"
# The daemons, and what dpkg calls, which an ordinary user's PATH lacks.
PATH=$PATH:/usr/sbin:/sbin
missing() { ! type slurmctld slurmd sbatch munged >/dev/null 2>&1; }
install_packages() {
    # Without this Debian starts the daemons of the packages: they would be in the way.
    local policy=/usr/sbin/policy-rc.d done=yes
    if [ -e "$policy" ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"; fi
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends \
        slurmctld slurmd slurm-client munge; } >/dev/null 2>&1 || done=
    [ -z "$policy" ] || rm -f "$policy"
    [ -n "$done" ]
}
if missing; then
    type apt-get >/dev/null 2>&1 || skip "no slurmctld here, and no apt-get to install it with"
    install_packages && ! missing ||
        skip "the packages slurmctld, slurmd, slurm-client and munge cannot be installed"
fi

work=$(mktemp -d)
chmod 755 "$work"
daemons=()
clean_up() {
    status=$?
    if [ "$status" -ne 0 ]; then
        for log in "$work"/log/*.log "$work"/jobs/*/*.log; do
            [ ! -e "$log" ] || { echo "== $log"; tail -n 40 "$log"; }
        done >&2
    fi
    scancel --user=root 2>/dev/null || true
    for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${daemons[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
mkdir "$work"/{log,state,spool,jobs}

# One node of two cores. A job that was put back waits until its old credential has expired. What needs control groups is left out: a container has none to give.
node=$(hostname -s)
cat >"$work/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$work/munge.socket,cred_expire=15
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
ReturnToService=2
KillWait=2
MailProg=/bin/true
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=short Nodes=$node Default=YES MaxTime=60 State=UP
CONF
export SLURM_CONF=$work/slurm.conf
export HDF5_USE_FILE_LOCKING=FALSE

dd if=/dev/urandom of="$work/munge.key" bs=1024 count=1 2>/dev/null
chmod 400 "$work/munge.key"
# --force: root may run it, too.
munged --foreground --force --key-file="$work/munge.key" --socket="$work/munge.socket" \
    --pid-file="$work/munge.pid" --log-file="$work/log/munged.log" --seed-file="$work/munge.seed" \
    >/dev/null 2>&1 &
daemons+=($!)

# wait_for SECONDS WHAT COMMAND…: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "slurm-loopback: no $what in time" >&2
            squeue --all >&2 || true
            exit 1
        fi
        sleep 0.5
    done
}
wait_for 20 "munge" test -S "$work/munge.socket"
slurmctld -D >"$work/log/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -N "$node" >"$work/log/slurmd.log" 2>&1 &
daemons+=($!)
idle() { [ "$(sinfo --noheader -o %T 2>/dev/null)" = idle ]; }
wait_for 60 "node that is idle" idle

# A tiny survey, and the settings of a training of some seconds.
settings=(--seed 3 --threads 1
    --set "mock.folder=\"$work/mock\"" --set mock.spectra=150
    --set "survey.prepared=\"$work/set.h5\""
    --set "survey.source.catalog=\"$work/mock/catalog.fits\""
    --set "survey.source.spectra=\"$work/mock/spectra\""
    --set 'network.channels=[8, 16]' --set transport.steps=4
    --set train.steps=600 --set train.warm_start=40 --set train.batch=16
    --set train.validate_every=300 --set train.checkpoint_every=20
    --set restore.draws=4 --set restore.batch=16)
config=survey_configs/demo-sde.toml
"$selfsi" "${settings[@]}" mock "$config"
"$selfsi" "${settings[@]}" prepare "$config"

# submit WORDS…: sbatch, as the scripts say.
submit() {
    local job
    job=$(cd "$jobs" && sbatch --parsable "$@")
    echo "${job%%;*}"
}
has_checkpoint() { compgen -G "$run/checkpoints/step-*" >/dev/null; }
requeued() { scontrol show job "$train" | grep -q 'Restarts=1'; }
ended() {
    local state
    state=$(scontrol show job "$merge" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p')
    case $state in
    COMPLETED) return 0 ;;
    PENDING | RUNNING | COMPLETING | CONFIGURING) ;;
    *) echo "slurm-loopback: the merge is $state" >&2 && exit 1 ;;
    esac
    # A dependency that can never be met would wait for ever.
    ! squeue --noheader --format=%r | grep -q DependencyNeverSatisfied ||
        { echo "slurm-loopback: a job failed, and what depends on it can never run" >&2 && exit 1; }
    return 1
}

# campaign NAME OPTIONS…: train, restore in an array and merge, by the scripts of `selfsi slurm`.
campaign() {
    run=$work/$1
    jobs=$work/jobs/$1
    shift
    "$selfsi" "${settings[@]}" slurm "$config" --run "$run" --restored "$run.fits" --out "$jobs" \
        --array 3 --cpus-per-task 1 --time 20 --partition short "$@"
    train=$(submit train.sbatch)
    restore=$(submit --dependency="afterok:$train" restore.sbatch)
    merge=$(submit --dependency="afterok:$restore" merge.sbatch)
    echo "submitted: train $train, restore $restore, merge $merge"
    # The end of the time limit, in the middle of training.
    wait_for 120 "checkpoint of the training" has_checkpoint
    scancel --batch --signal=TERM "$train"
    wait_for 60 "job that went back into the queue" requeued
    echo "training was stopped and went back into the queue"
    wait_for 600 "merged catalog" ended
    # One line of the first rank, and no other error.
    [ "$(grep -c 'selfsi: error' "$jobs/selfsi-train-$train.log")" -eq 1 ]
    grep -q 'stopped at step .* by a signal' "$jobs/selfsi-train-$train.log"
    "$selfsi" --threads 1 restore "$run" --out "$run-whole.fits"
    same "$run-whole.fits" "$run.fits"
}

# Two restored catalogs must be equal, except for their primary headers (the HISTORY of a merged one says
# that it was merged) and the dates of the checksums.
same() {
    python3 - "$@" <<'PYTHON'
import sys

def told(path):
    data = open(path, "rb").read()
    data = data[data.index(b"XTENSION"):]
    cards = [data[i:i + 80] for i in range(0, len(data), 80)]
    return [c for c in cards if not c.startswith((b"CHECKSUM", b"DATASUM "))]

whole, merged = map(told, sys.argv[1:])
if whole != merged:
    sys.exit("slurm-loopback: the merged catalog differs from the catalog of one job")
print(f"merged and whole are the same: {len(whole) * 80} bytes")
PYTHON
}

campaign alone
if "$selfsi" slurm "$config" --ranks 2 >/dev/null 2>&1; then
    # MPICH, as make setup-mpi installs it, is started by SLURM through PMI-2.
    campaign ranks --ranks 2 --launcher 'srun --mpi=pmi2'
    grep -q 'training on 2 ranks' "$jobs/selfsi-train-$train.log"
else
    echo "slurm-loopback: no MPI in this build: only one process trains (make build-mpi)"
fi
echo "slurm-loopback: passed"
