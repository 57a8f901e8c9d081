"""One run on all redshifts beside runs on each bin of them alone: tables of docs/measurements/any-redshift.md.

    python scripts/any_redshift.py OUT        # see `make any-redshift`, which makes what OUT holds

OUT holds mock/truth.h5, all.fits and alone-Z.fits for each bin that begins at Z: restored catalogs of held-out
objects, with their draws (without: no coverage). Each object counts on its own range (IVAR > 0), in units of its level in the one run.
Coverage is by ranks of the draws. Errors are by bootstrap over objects.
"""

import os
import sys

import h5py
import numpy as np
from astropy.io import fits

BINS = np.arange(0.5, 4.5, 0.5)
WIDTH = 0.5
# Part of the truths that one standard deviation of a normal law holds.
PART = 0.6827


def inside(draws, truth):
    """Part of the pixels whose truth lies in the central PART of the draws [n, D], by its rank among them;
    between two whole numbers of draws on either side the parts are interpolated."""
    n = len(draws)
    rank = (draws < truth).sum(0)
    held = lambda k: ((rank >= k) & (rank <= n - k)).mean()
    expected = lambda k: (n + 1 - 2 * k) / (n + 1)
    k = next(k for k in range(n) if expected(k + 1) < PART)
    weight = (expected(k) - PART) / (expected(k) - expected(k + 1))
    return (1 - weight) * held(k) + weight * held(k + 1)


def scores(path, truth, rows, levels=None):
    """Of each object of a catalog: redshift, level, mean square of the observation's and of the restoration's
    errors over its pixels, and the part inside; by name."""
    found = {}
    with fits.open(path) as f:
        table, images = f["CATALOG"].data, {h.name: h.data for h in f if h.is_image and h.data is not None}
        for i, row in enumerate(table):
            name = row["NAME"]
            if row["FLAG"] != 0 or (levels is not None and name not in levels):
                continue
            level = row["NORM"] if levels is None else levels[name]
            good = images["IVAR"][i] > 0
            clean = truth[rows[name]][good] / level
            off = lambda image: (((images[image][i][good] / level) - clean) ** 2).mean()
            part = inside(images["DRAWS"][:, i, good] / level, clean) if "DRAWS" in images else np.nan
            found[name] = (row["Z"], level, off("OBSERVED"), off("RESTORED"), part)
    return found


def bootstrap(values, of, n=400):
    rng = np.random.default_rng(0)
    size = len(values[0])
    drawn = [of(*(v[k] for v in values)) for k in rng.integers(0, size, (n, size))]
    return np.std(drawn)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    with h5py.File(os.path.join(out, "mock", "truth.h5")) as f:
        rows = {name.decode() if isinstance(name, bytes) else name: i for i, name in enumerate(f["id"][:])}
        truth = f["flux"][:]
    one = scores(os.path.join(out, "all.fits"), truth, rows)
    levels = {name: s[1] for name, s in one.items()}
    print("| z | objects | RMSE of the observation | RMSE, one run | RMSE alone | one run / alone | inside 68 % | alone |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    rms = lambda a: np.sqrt(a.mean())
    for low in BINS:
        names = [n for n, s in one.items() if low <= s[0] < low + WIDTH]
        path = os.path.join(out, f"alone-{low:.1f}.fits")
        if not names:
            continue
        alone = scores(path, truth, rows, levels) if os.path.exists(path) else {}
        names = [n for n in names if n in alone] or names
        of = lambda found, k: np.array([found[n][k] for n in names])
        label = f"{low:.1f}–{low + WIDTH:.1f}"
        cells = [label, str(len(names)), f"{rms(of(one, 2)):.3f}", f"{rms(of(one, 3)):.4f}"]
        p, q = 100 * of(one, 4), None
        cover = f"{p.mean():.1f} ± {bootstrap([p], np.mean):.1f}"
        if alone:
            a, b, q = of(one, 3), of(alone, 3), 100 * of(alone, 4)
            ratio = lambda a, b: rms(a) / rms(b)
            cells += [f"{rms(b):.4f}", f"{ratio(a, b):.3f} ± {bootstrap([a, b], ratio):.3f}", cover]
            cells += [f"{q.mean():.1f} ± {bootstrap([q], np.mean):.1f}"]
        else:
            cells += ["–", "–", cover, "–"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
