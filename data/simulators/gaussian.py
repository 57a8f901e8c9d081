"""y = x + sigma * noise, with a generator of numpy for each row: python3 gaussian.py SIGMA"""

import sys

import numpy as np
import selfsi_simulator as selfsi

SIGMA = float(sys.argv[1])


def observe(job, batch):
    noise = np.stack([g.standard_normal(job.pixels) for g in batch.generators()])
    return {"y": batch.x + SIGMA * noise, "sigma": np.full_like(batch.x, SIGMA)}


selfsi.serve(observe, sigma=True)
