"""Measures again what tests/it/image_metrics.rs wrote: scikit-image for PSNR and SSIM, scipy's matrix
root for the FID, numpy for the networks of tests/data/make_networks.py.

    python image_metrics.py measured.h5
"""

import sys

import h5py
import numpy as np
from scipy.linalg import sqrtm
from scipy.signal import convolve2d
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

KERNEL = np.sin(1 + np.arange(4)[:, None] + 2 * np.arange(3)[None, :])
WEIGHT = np.arange(1, 5)[:, None, None]


def layer(image):
    return np.maximum(np.einsum("fc,chw->fhw", KERNEL, image), 0)


def lpips(a, b):
    def unit(x):
        f = layer(2 * np.clip(x, 0, 1) - 1)
        return f / (np.sqrt((f**2).sum(0)) + 1e-10)

    return (WEIGHT * (unit(a) - unit(b)) ** 2).sum(0).mean()


def features(images):
    return np.array([layer(np.clip(x, 0, 1)).mean((1, 2)) for x in images])


def fid(a, b):
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    shift = a.mean(0) - b.mean(0)
    return shift @ shift + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)


def small_ssim(a, b):
    """By definition, the window being the largest odd one that fits (scikit-image has no such one)."""
    half = (min(a.shape) - 1) // 2
    line = np.exp(-0.5 * (np.arange(-half, half + 1) / 1.5) ** 2)
    window = np.outer(line, line) / line.sum() ** 2

    def mean(x):
        return convolve2d(x, window, mode="valid")

    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    luminance = (2 * ma * mb + 0.01**2) / (ma**2 + mb**2 + 0.01**2)
    return (luminance * (2 * vab + 0.03**2) / (va + vb + 0.03**2)).mean()


def ssim(a, b):
    if min(a.shape[1:]) < 11:
        return np.mean([small_ssim(x, y) for x, y in zip(a, b)])
    return structural_similarity(
        a, b, channel_axis=0, data_range=1.0, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )


with h5py.File(sys.argv[1]) as file:
    for name, group in file.items():
        a, b = group["a"][:].astype(float), group["b"][:].astype(float)
        ours = {key: group[key][:] for key in group}
        psnr = [peak_signal_noise_ratio(x, y, data_range=1.0) for x, y in zip(b, a)]
        np.testing.assert_allclose(ours["psnr"], psnr, rtol=0, atol=1e-5)
        np.testing.assert_allclose(ours["ssim"], [ssim(x, y) for x, y in zip(a, b)], rtol=0, atol=1e-5)
        if "lpips" in ours:
            np.testing.assert_allclose(ours["lpips"], [lpips(x, y) for x, y in zip(a, b)], atol=1e-4)
            np.testing.assert_allclose(ours["fid"], fid(features(a), features(b)), rtol=1e-3, atol=1e-7)
        print(name, {key: float(np.mean(v)) for key, v in ours.items() if key not in "ab"})
