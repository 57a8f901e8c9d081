"""The quasar channel, as forward.kind = "quasar" with lsf and ivar has it: python3 quasar.py TILT

Tilt of the flux calibration, then each spectrum's line-spread function, then its noise.
"""

import sys

import numpy as np
import selfsi_simulator as selfsi

TILT = float(sys.argv[1])


def observe(job, batch):
    wavelength = 10.0**job.loglam
    # -1 at the first pixel, +1 at the last, linear in wavelength.
    lever = 2 * (wavelength - wavelength[0]) / (wavelength[-1] - wavelength[0]) - 1
    amplitude = TILT * (2 * batch.uniforms(1) - 1)
    y = smooth(batch.x * (1 + amplitude * lever), np.clip(batch.lsf, 0, 100))
    return {"y": y + correlated(batch, 4, job.noise_rho) * batch.sigma}


def smooth(x, sigma):
    """Gaussian smoothing with a width per pixel, sigma [n, D] in pixels; the ends are mirrored.

    Three copies, smoothed by the smallest, middle and largest variance, are interpolated in it.
    """
    d = x.shape[1]
    modes = np.fft.rfft(np.hstack([x, x[:, ::-1]]), axis=1)
    exponent = -0.5 * (np.pi * np.arange(d + 1) / d) ** 2
    variance = sigma.astype(float) ** 2
    low = variance.min(axis=1, keepdims=True)
    half = np.maximum((variance.max(axis=1, keepdims=True) - low) / 2, 1e-4)
    copies = [
        np.fft.irfft(modes * np.exp((low + k * half) * exponent), 2 * d, axis=1)[:, :d]
        for k in range(3)
    ]
    u = (variance - low) / half
    weights = [(u - 1) * (u - 2) / 2, u * (2 - u), u * (u - 1) / 2]
    return sum(w * c for w, c in zip(weights, copies))


def correlated(batch, draw, rho):
    """Unit-variance noise [n, D] whose neighbours i, i + 1 have the correlation rho_i."""
    d = len(rho)
    if not rho.any():
        return batch.normals(draw)
    own, right = np.ones(d), np.zeros(d)
    for i in reversed(range(d - 1)):
        right[i] = np.clip(np.clip(rho[i], -0.5, 0.5) / own[i + 1], -0.9, 0.9)
        own[i] = np.sqrt(1 - right[i] ** 2)
    e = batch.normals(draw, d + 1)
    return own * e[:, :-1] + right * e[:, 1:]


selfsi.serve(observe)
