"""Files with skies and resolution matrices, and what a prepared set must hold of them.

carried.py make FOLDER    writes FOLDER/coadd-a.fits (DESI: arms B and R) and FOLDER/catalog.h5
carried.py check FOLDER   compares FOLDER/desi.h5 and FOLDER/hdf5.h5, the prepared sets, with numpy and scipy
"""

import sys

import h5py
import numpy as np
from astropy.io import fits
from scipy import sparse

task, folder = sys.argv[1:]
STEP, K, ROWS = 0.8, 11, 3
# First pixel on the lattice 4000 + 0.8 i, and pixels: they overlap by 60.
ARMS = {"B": (0, 1000), "R": (940, 1060)}
PIXELS = 2000


def diagonals(row, n, arm):
    """As desispec's Resolution has them: offsets from K // 2 down, each element under its column."""
    offsets = np.arange(K // 2, -(K // 2) - 1, -1)
    width = 1.0 + 0.1 * row + 0.2 * np.arange(n) / n + (0.15 if arm == "R" else 0.0)
    data = np.exp(-0.5 * ((offsets[:, None] + 0.1) / width) ** 2)
    return (data / data.sum(0)).astype("f4"), offsets


def spectra(arm):
    start, n = ARMS[arm]
    rng = np.random.default_rng(start + 7)
    flux = rng.normal(2, 0.3, (ROWS, n)).astype("f4")
    ivar = rng.uniform(1, 4, (ROWS, n)).astype("f4")
    ivar[:, 300:310] = 0
    return flux, ivar


def make():
    target = fits.Column("TARGETID", "K", array=np.arange(ROWS) + 1000)
    zero = fits.Column("COADD_FIBERSTATUS", "J", array=np.zeros(ROWS, int))
    place = [fits.Column(c, "D", array=np.zeros(ROWS)) for c in ("TARGET_RA", "TARGET_DEC")]
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([target, zero, *place], name="FIBERMAP")]
    for arm, (start, n) in ARMS.items():
        flux, ivar = spectra(arm)
        resolution = np.stack([diagonals(row, n, arm)[0] for row in range(ROWS)])
        wave = 4000 + STEP * (start + np.arange(n))
        hdus.append(fits.ImageHDU(wave, name=f"{arm}_WAVELENGTH"))
        hdus[-1].header["BUNIT"] = "Angstrom"
        for what, data in [("FLUX", flux), ("IVAR", ivar), ("MASK", np.zeros(flux.shape, "i4")), ("RESOLUTION", resolution)]:
            hdus.append(fits.ImageHDU(data, name=f"{arm}_{what}"))
        hdus[-4].header["BUNIT"] = "10**-17 erg/(s cm2 Angstrom)"
    fits.HDUList(hdus).writeto(f"{folder}/coadd-a.fits")
    flux, ivar = spectra("B")
    with h5py.File(f"{folder}/catalog.h5", "w") as out:
        out["flux"], out["ivar"], out["wave"] = flux, ivar, 4000 + STEP * np.arange(flux.shape[1])
        out["resolution"] = diagonals(0, flux.shape[1], "B")[0]
        out["sky"] = (np.ones_like(flux) * (1 + np.arange(ROWS)[:, None])).astype("f4")
        out["sky"][:, 500] = 9


def overlaps(low, high, low2, high2):
    return np.clip(np.minimum(high[:, None], high2) - np.maximum(low[:, None], low2), 0, None)


def expected(wave, matrix, ivar, loglam):
    """Rebinning, the matrix, and its columns on the common grid, as dense matrices."""
    half = 0.5 * (loglam[1] - loglam[0])
    low, high = 10 ** (loglam - half), 10 ** (loglam + half)
    w = overlaps(low, high, wave - STEP / 2, wave + STEP / 2)
    good = w * ((ivar > 0) & (np.abs(matrix).sum(1) > 0))
    columns = w.T / np.maximum(w.sum(0), 1e-30)[:, None]
    columns[wave + STEP / 2 <= low[0], 0] = 1
    columns[wave - STEP / 2 >= high[-1], -1] = 1
    return (good / good.sum(1)[:, None]) @ matrix @ columns, good.sum(1) > 0


def compare(name, row, wave, matrix, ivar):
    with h5py.File(f"{folder}/{name}") as prepared:
        loglam = prepared["loglam"][:]
        bands = prepared["resolution"][row].reshape(len(loglam), -1)
    want, known = expected(wave, matrix, ivar, loglam)
    half = bands.shape[1] // 2
    found = np.zeros_like(want)
    for m in range(bands.shape[1]):
        for j in range(len(loglam)):
            if 0 <= j + m - half < len(loglam):
                found[j, j + m - half] = bands[j, m]
            else:
                assert bands[j, m] == 0, f"{name}: beyond the grid"
    off = np.abs(found - want)[known].max()
    assert off < 1e-5, f"{name}, row {row}: off by {off}"
    assert np.allclose(found[~known], np.eye(len(loglam))[~known]), f"{name}: unknown rows"


def check():
    lattice = 4000 + STEP * np.arange(PIXELS)
    for row in range(ROWS):
        weighted, weight = np.zeros((PIXELS, PIXELS)), np.zeros(PIXELS)
        for arm, (start, n) in ARMS.items():
            data, offsets = diagonals(row, n, arm)
            own = sparse.dia_array((data, offsets), shape=(n, n)).toarray()
            ivar = spectra(arm)[1][row]
            weighted[start : start + n, start : start + n] += ivar[:, None] * own
            weight[start : start + n] += ivar
        compare("desi.h5", row, lattice, weighted / np.maximum(weight, 1e-30)[:, None], weight)
        n = ARMS["B"][1]
        data, offsets = diagonals(0, n, "B")
        matrix = sparse.dia_array((data, offsets), shape=(n, n)).toarray()
        compare("hdf5.h5", row, lattice[:n], matrix, spectra("B")[1][row])
    with h5py.File(f"{folder}/hdf5.h5") as prepared:
        sky, wave = prepared["sky"][:], 10 ** prepared["loglam"][:]
        line = np.abs(wave - (4000 + STEP * 500)) < 2
        flux = (sky * np.gradient(wave))[:, line].sum(1)
        # The line alone, in the units of the flux: the continuum is its own median.
        assert np.allclose(flux, (9 - 1 - np.arange(ROWS)) * STEP, rtol=0.02), flux
        assert np.abs(sky[:, ~line]).max() < 1e-4


make() if task == "make" else check()
