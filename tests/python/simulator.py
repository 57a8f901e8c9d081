"""Simulators for tests/it/command.rs and tests/it/command_run.rs: python3 simulator.py BEHAVIOUR [MARKER [BATCH]]

Batches are observed as y = x + noise/2 with the noise that the built-in channel draws. BEHAVIOUR
"well" is that alone; the others go wrong in batch number BATCH, once: if the file MARKER exists,
which is then removed.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
from selfsi import simulator as selfsi

BEHAVIOUR = sys.argv[1]
MARKER = Path(sys.argv[2]) if len(sys.argv) > 2 else None
BATCH = int(sys.argv[3]) if len(sys.argv) > 3 else 0
batches = 0


def observe(job, batch):
    global batches
    now = MARKER is not None and MARKER.exists() and batches == BATCH
    batches += 1
    y = batch.x + np.float32(0.5) * batch.normals(1)
    sigma = np.full_like(y, 0.5)
    if now and BEHAVIOUR not in ("well", "pid"):
        MARKER.unlink()
        if BEHAVIOUR == "crash":
            sys.exit("out of photons")
        if BEHAVIOUR == "killed":
            os.abort()
        if BEHAVIOUR == "hang":
            time.sleep(3600)
        if BEHAVIOUR == "nan":
            y[1, 7] = np.nan
        if BEHAVIOUR == "inf":
            y[2, 3] = -np.inf
        if BEHAVIOUR == "negative":
            sigma[0, 5] = -1
        if BEHAVIOUR == "shape":
            y = y[:, :-1]
        if BEHAVIOUR == "print":
            os.write(OUT, b"Simulating ...\n")
        if BEHAVIOUR == "short":
            os.write(OUT, np.array([len(y), 2 * job.pixels], "<u4").tobytes() + b"12345")
            sys.exit(3)
    return {"y": y, "sigma": sigma}


if BEHAVIOUR == "magic":
    print("Hello, I am a simulator and ready to go", flush=True)
if BEHAVIOUR == "version":
    selfsi._greeting(sys.stdin.buffer)
    os.write(1, b"F>SELFSI" + selfsi._u32(7, 64, 0, 0, 0))
    time.sleep(3600)
if BEHAVIOUR == "pixels":
    selfsi._greeting(sys.stdin.buffer)
    os.write(1, b"F>SELFSI" + selfsi._u32(1, 63, 0, 0, 0))
    time.sleep(3600)
if BEHAVIOUR == "tells":
    selfsi.serve(observe, vector=3, sigma=True)
if BEHAVIOUR == "redshift":
    told = lambda job, batch: np.nan_to_num(batch.redshift, nan=-1)[:, None] + batch.x
    selfsi.serve(lambda job, batch: {"y": told(job, batch)})
if BEHAVIOUR == "old":  # version 1: y = x + good, read and answered byte by byte
    d = selfsi._greeting(sys.stdin.buffer).pixels
    os.write(1, b"F>SELFSI" + selfsi._u32(1, d, 0, 0, 0))
    while head := sys.stdin.buffer.read(4):
        n = int(np.frombuffer(head, "<u4")[0])
        sys.stdin.buffer.read(8 * n)
        x, good, _sigma, _lsf = (selfsi._read(sys.stdin.buffer, "<f4", n * d) for _ in range(4))
        os.write(1, selfsi._u32(n, d) + (x + good).tobytes())
    sys.exit()
if MARKER is not None and BEHAVIOUR == "pid":
    # With what it starts, deaf to all that can be ignored.
    deaf = "trap '' HUP INT TERM; sleep 3600 & wait"
    helper = subprocess.Popen(["sh", "-c", deaf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    MARKER.write_text(f"{os.getpid()} {helper.pid}")
OUT = os.dup(1)
selfsi.serve(observe, sigma=True)
