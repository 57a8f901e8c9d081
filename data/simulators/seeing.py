"""Images through a turbulent atmosphere: python3 seeing.py MIN MAX SIGMA

Gaussian blur whose width (sigma in pixels, uniform in MIN..MAX) differs from image to image, then
noise of standard deviation SIGMA in normalised pixel values. The width describes the corruption:
with forward.latent = "kept" it is the observation's own, with "redrawn" the network is told it, with
"hidden" it is not.
"""

import sys

import numpy as np
import selfsi_simulator as selfsi

MIN, MAX, SIGMA = (float(a) for a in sys.argv[1:4])


def observe(job, batch):
    if job.latent == "kept":
        width = batch.vector[:, 0].astype(float)
    else:
        width = MIN + (MAX - MIN) * batch.uniforms(1)[:, 0]
    _, h, w = job.shape
    k2 = np.fft.fftfreq(h)[:, None] ** 2 + np.fft.rfftfreq(w) ** 2
    kernel = np.exp(-2 * np.pi**2 * width[:, None, None, None] ** 2 * k2)
    blurred = np.fft.irfft2(np.fft.rfft2(batch.x.reshape(-1, *job.shape)) * kernel, (h, w))
    y = blurred.reshape(batch.x.shape) + SIGMA * batch.normals(2)
    return {"y": y, "sigma": np.full_like(batch.x, SIGMA), "vector": width}


selfsi.serve(observe, vector=1, sigma=True)
