"""The stages of spectra against numpy and scipy: argument, the folder of what tests/it/spectra_stages.rs wrote."""

import sys

import numpy as np
from numpy.polynomial import legendre
from scipy import ndimage, stats

folder = sys.argv[1]


def load(name):
    return np.load(f"{folder}/{name}.npy").astype(float)


def close(a, b, within, what):
    off = np.abs(np.asarray(a) - np.asarray(b)).max()
    assert off < within, f"{what}: off by {off}"


# Σ aₖ Pₖ with variances amplitude² (2k + 1)/degree: its covariance, and the mean square over the range.
factor, wavelength = load("throughput_factor"), load("wavelength")
amplitude, degree = 0.05, 4
lever = 2 * (wavelength - wavelength[0]) / (wavelength[-1] - wavelength[0]) - 1
polynomials = legendre.legvander(lever, degree)[:, 1:]
variances = amplitude**2 * (2 * np.arange(1, degree + 1) + 1) / degree
expected = (polynomials * variances) @ polynomials.T
error = factor - 1
n = len(error)
found = error.T @ error / n
scale = np.sqrt(np.diag(expected))
scale = np.outer(scale, scale)
close(found / scale, expected / scale, 6 / np.sqrt(n), "throughput: covariance")
close(error.mean(0) / np.sqrt(np.diag(expected)), 0, 5 / np.sqrt(n), "throughput: mean")
nodes, weights = legendre.leggauss(20)
mean_square = (legendre.legvander(nodes, degree)[:, 1:] ** 2 @ variances) @ weights / 2
close(mean_square, amplitude**2, 1e-12, "throughput: mean square over the range")

# A Gaussian along the axis, mirrored at the edges with the edge pixel repeated.
x, y, width = load("smooth_x"), load("smooth_y"), load("smooth_width")
for row in range(len(x)):
    reference = ndimage.gaussian_filter1d(x[row], width[row], mode="reflect", truncate=8)
    close(y[row], reference, 3e-5, f"smooth, row {row}")

# A shift of what the pixels resolve is a phase.
x, y, shift = load("shift_x"), load("shift_y"), load("shift_pixels")
for row in range(len(x)):
    doubled = np.concatenate([x[row], x[row][::-1]])
    reference = np.fft.ifft(ndimage.fourier_shift(np.fft.fft(doubled), shift[row])).real
    close(y[row], reference[: len(x[row])], 3e-5, f"redshift, row {row}")
    # And near to a spline through the pixels.
    spline = ndimage.shift(x[row], shift[row], order=5, mode="reflect")
    close(y[row], spline, 2e-3, f"redshift, row {row}, spline")

# Counts less the background: Poisson, pixel by pixel.
y = load("photon_y")
electrons, background = 4.0, 3.0
counts = y * electrons + background
close(counts, np.round(counts), 1e-4, "photon: whole counts")
for pixel, flux in enumerate(load("photon_flux")):
    law = stats.poisson(max(flux, 0) * electrons + background)
    top = int(law.ppf(0.999))
    seen = np.bincount(np.minimum(np.round(counts[:, pixel]).astype(int), top), minlength=top + 1)
    wanted = np.append(law.pmf(np.arange(top)), law.sf(top - 1)) * len(counts)
    keep = wanted > 5
    p = stats.chisquare(seen[keep], wanted[keep] * seen[keep].sum() / wanted[keep].sum()).pvalue
    assert p > 1e-5, f"photon: pixel {pixel}, p = {p}"
