#!/usr/bin/env python3
"""Compare the mock's unabsorbed spectra with quasar models learned from spectra.

    python3 -m venv /tmp/gp && /tmp/gp/bin/pip install numpy h5py matplotlib
    /tmp/gp/bin/pip install --no-deps gp-dla-finder
    /tmp/gp/bin/python data/compare_gp_dla.py out/mock/truth.h5 compare.png

Rebuilds every mock object's continuum and lines from the parameters in truth.h5 (the formulae of
src/mock/quasar.rs), normalises them over 1425-1475 Å as the package does, and prints and plots the
mean, the population scatter and the three leading components beside those of the package's models.
Nothing of the package is copied: it is read where pip put it.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import h5py
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LIGHT = 299_792.458
MODELS = {
    "eBOSS DR16Q": "eboss_dr16q_minus_dr12q.npz",
    "2LPT mocks, 30 components": "phase2_2lpt_loa124_nohcd_nobal_wide_m.npz",
}


def emission(path, rest):
    """Unabsorbed spectra [N, len(rest)] in units of their mean over 1425-1475 Å."""
    with h5py.File(path) as f:
        slope, blue = f["slope"][:][:, None], f["blue_slope"][:][:, None]
        centre = f["line_wavelength"][:] * (1 + f["line_shift"][:] / LIGHT)
        ew, sigma = f["line_ew"][:], f["line_width"][:] / LIGHT

    def bend(x, softness):
        return softness * np.log1p(np.exp(-x / softness))

    log = slope * np.log(rest / 1450)
    log = log - blue * bend(np.log(rest / 1215.67), 0.02)
    log = log - 0.8 * bend(np.log(rest / 1000.0), 0.03)
    lines = np.ones((len(slope), len(rest)))
    for c, e, s in zip(centre.T, ew.T, sigma.T):
        x = (rest / c[:, None] - 1) / s[:, None]
        lines += (e / (c * s * np.sqrt(2 * np.pi)))[:, None] * np.exp(-0.5 * x * x)
    flux = np.exp(log) * lines
    window = (rest >= 1425) & (rest <= 1475)
    return flux / flux[:, window].mean(1, keepdims=True)


def components(rows):
    """Leading three components, scaled by their standard deviations, [3, len]."""
    _, s, v = np.linalg.svd(rows, full_matrices=False)
    v = v[:3] * s[:3, None]
    return v * np.where(v[:, np.argmax(np.abs(v), 1)].diagonal() < 0, -1, 1)[:, None]


def main(truth, picture):
    rest = np.arange(900.0, 1700.5, 1.0)
    mock = emission(truth, rest)
    mean, scatter = mock.mean(0), mock.std(0)
    figure, axes = plt.subplots(5, 1, figsize=(11, 16), sharex=True)
    axes[0].plot(rest, mean, "C0", label="mock")
    axes[1].plot(rest, scatter / mean, "C0")
    for a, c in zip(axes[2:], components((mock - mean) / np.sqrt(len(mock)))):
        a.plot(rest, c, "C0")
    table = {}
    # Found, not imported: the package itself wants more than its data files do.
    models = Path(find_spec("gp_dla_finder").origin).parent / "data" / "models"
    for (name, file), colour in zip(MODELS.items(), ("k", "C3")):
        with np.load(models / file) as d:
            grid, mu, m = d["rest_wavelengths"], d["mu"], d["M"]
        inside = (rest >= grid[0]) & (rest <= grid[-1])
        mu = np.interp(rest, grid, mu)
        m = np.array([np.interp(rest, grid, c) for c in m.T])
        mu[~inside], m[:, ~inside] = np.nan, np.nan
        spread = np.sqrt((m**2).sum(0)) / mu
        table[name] = mu, spread
        axes[0].plot(rest, mu, colour, lw=0.8, label=name)
        axes[1].plot(rest, spread, colour, lw=0.8)
        # The components of this model over wavelengths where it has any.
        for a, c in zip(axes[2:], components(m[:, inside])):
            a.plot(rest[inside], c, colour, lw=0.8)
        red = inside & (rest > 1230) & (rest < 1500)
        blue = inside & (rest > 1040) & (rest < 1190)
        for label, part in (("1040-1190", blue), ("1230-1500", red)):
            ratio = mean[part] / mu[part]
            print(f"{name}, {label} Å: mean mock/model {ratio.mean():.3f}, "
                  f"rms of the ratio {ratio.std():.3f}; relative scatter "
                  f"mock {np.median((scatter / mean)[part]):.3f}, model {np.median(spread[part]):.3f}")
    print(f"{'rest Å':>7}  {'mock':>11}  " + "  ".join(f"{n[:11]:>11}" for n in table))
    for w in (950, 990, 1030, 1075, 1110, 1150, 1190, 1216, 1225, 1240, 1260, 1280, 1305, 1335,
              1350, 1400, 1500, 1530, 1545, 1560, 1600, 1640, 1664, 1690):
        i = np.argmin(np.abs(rest - w))
        cells = [f"{mean[i]:5.2f} ±{scatter[i] / mean[i]:4.2f}"]
        cells += [f"{m[i]:5.2f} ±{s[i]:4.2f}" for m, s in table.values()]
        print(f"{w:7d}  " + "  ".join(f"{c:>11}" for c in cells))
    axes[0].legend()
    axes[0].set_ylabel("mean")
    axes[1].set_ylabel("scatter / mean")
    axes[1].set_ylim(0, 1)
    for i, a in enumerate(axes[2:], 1):
        a.set_ylabel(f"component {i}")
    axes[-1].set_xlabel("rest wavelength [Å]")
    figure.tight_layout()
    figure.savefig(picture, dpi=80)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
