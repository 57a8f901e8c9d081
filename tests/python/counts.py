"""A simulator for tests/it/posterior_run.rs: counts of photons, whole numbers whose scatter grows with the flux.

y = round(4 x + √(4 x) ξ) / 4, never below 0; no noise level is told.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
from selfsi import simulator as selfsi


def observe(job, batch):
    counts = 4 * np.maximum(batch.x, 0)
    return {"y": np.maximum(np.round(counts + np.sqrt(counts) * batch.normals(1)), 0) / 4}


selfsi.serve(observe)
