"""Checks the stages of selfsi's forward model of images with scipy, numpy and Pillow.

    image_channels.py FOLDER

FOLDER holds what tests/it/image_channels_python.rs wrote. Exits with 0 if everything holds, else with
the first assertion that does not.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage, stats

folder = Path(sys.argv[1])


def load(name):
    return np.load(folder / f"{name}.npy").astype(np.float64)


def stems(pattern, cut):
    found = sorted(p.stem[: -len(cut)] for p in folder.glob(pattern + cut + ".npy"))
    assert found, pattern
    return found


def blur():
    for stem in stems("blur_*", "_x"):
        x, y, sigma = load(f"{stem}_x"), load(f"{stem}_y"), float(load(f"{stem}_sigma"))
        radius = int(np.ceil(3 * sigma))
        expected = ndimage.gaussian_filter(x, sigma, mode="reflect", radius=radius, axes=(2, 3))
        np.testing.assert_allclose(y, expected, atol=2e-6)


def line(length, angle):
    """A horizontal line turned anticlockwise about its middle, interpolated bilinearly."""
    image = np.zeros((length, length))
    image[length // 2] = 1
    c, s = np.cos(angle), np.sin(angle)
    # Of (row, column); rows count downwards.
    turn = np.array([[c, s], [-s, c]])
    middle = np.full(2, length // 2)
    kernel = ndimage.affine_transform(
        image, turn, middle - turn @ middle, order=1, mode="grid-constant"
    )
    return kernel / kernel.sum()


def motion():
    for stem in stems("motion_*", "_x"):
        length = int(stem.split("_")[1])
        x, y, direction = load(f"{stem}_x"), load(f"{stem}_y"), load(f"{stem}_direction")
        for xs, ys, d in zip(x, y, direction):
            kernel = line(length, np.pi * d)
            for xc, yc in zip(xs, ys):
                expected = ndimage.convolve(xc, kernel, mode="reflect")
                np.testing.assert_allclose(yc, expected, atol=5e-6)


def rays():
    """One ray: the measured modes are those of the transform, on one line through the origin."""
    for stem in stems("rays_*", "_x"):
        x, y, mask = load(f"{stem}_x"), load(f"{stem}_y"), load(f"{stem}_mask")
        modes = np.fft.fftshift(np.fft.fft2(x), axes=(2, 3))
        expected = np.fft.ifft2(np.fft.ifftshift(modes * mask[:, None], axes=(2, 3)))
        np.testing.assert_allclose(expected.imag, 0, atol=1e-10)
        np.testing.assert_allclose(y, expected.real, atol=5e-6)
        h, w = mask.shape[1:]
        slopes = []
        for m in mask:
            ky, kx = np.argwhere(m == 1).T - np.array([[h // 2], [w // 2]])
            inner = (ky > -h / 2) & (kx > -w / 2)
            ky, kx = ky[inner] / h, kx[inner] / w
            # The principal axis of the modes, and their distance to it in steps of the grid.
            axis = np.linalg.eigh(np.cov(np.stack([ky, kx]), bias=True))[1][:, 1]
            off = np.abs(ky * axis[1] - kx * axis[0])
            assert off.max() < 0.75 / min(h, w), (off.max() * min(h, w), axis)
            slopes.append(np.arctan2(axis[0], axis[1]) % np.pi)
        assert stats.kstest(slopes, "uniform", args=(0, np.pi)).pvalue > 1e-3


def photon():
    for counts, mean in zip(load("photon_counts"), load("photon_means")):
        k = np.rint(counts)
        np.testing.assert_allclose(counts, k, atol=0.02)
        low, high = stats.poisson.ppf([1e-3, 1 - 1e-3], mean)
        bins = np.arange(low, high + 1)
        seen = np.array([np.sum(k == b) for b in bins] + [np.sum((k < low) | (k > high))])
        share = stats.poisson.pmf(bins, mean)
        expected = k.size * np.append(share, 1 - share.sum())
        p = stats.chisquare(seen, expected, sum_check=False).pvalue
        assert p > 1e-4, (mean, p)


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a - b) ** 2))


def jpeg():
    for path in sorted(folder.glob("jpeg_*.jpg")):
        _, i, chroma, quality = path.stem.split("_")
        x, ours = load(f"jpeg_{i}_x"), load(path.stem)
        grey = x.shape[2] == 1
        # Our file in another decoder.
        mine = Image.open(path)
        assert mine.mode == ("L" if grey else "RGB")
        decoded = np.asarray(mine, float).reshape(x.shape)
        off = np.abs(decoded - ours)
        assert off.max() <= 4 and off.mean() < 0.6, (path.stem, off.max(), off.mean())
        # The same image through another codec from end to end.
        file = io.BytesIO()
        pixels = x.astype(np.uint8)
        Image.fromarray(pixels[:, :, 0] if grey else pixels).save(
            file, "jpeg", quality=int(quality), subsampling=2 if chroma == "420" else 0
        )
        other = Image.open(file)
        tables = other.quantization.items()
        assert all(mine.quantization[i] == table for i, table in tables), path.stem
        if not grey:
            layers = [layer[1:3] for layer in mine.layer]
            assert layers == [layer[1:3] for layer in other.layer], (path.stem, layers)
        theirs = np.asarray(other, float).reshape(x.shape)
        assert abs(psnr(ours, x) - psnr(theirs, x)) < 0.25, path.stem


def psf():
    for stem in stems("psf_*", "_x"):
        x, y, k = load(f"{stem}_x"), load(f"{stem}_y"), load(f"{stem}_k")
        for index in np.ndindex(x.shape[:2]):
            expected = ndimage.convolve(x[index], k[index], mode="reflect")
            np.testing.assert_allclose(y[index], expected, atol=2e-5)


for check in (blur, motion, psf, rays, photon, jpeg):
    check()
    print(check.__name__, "agrees")
