"""Real quasars, seen twice: train on some, restore single exposures of others, and compare with what the
other exposures of those show.

    python scripts/real.py make   REAL OUT --window optical --seed 1    # train.h5, test.h5, sky.h5, config.toml
    python scripts/real.py judge  OUT                                   # OUT/judged.json, of restored catalogs
    python scripts/real_report.py REPORT.md OUT...                      # tables and pictures over seeds

REAL is a folder with quasars.h5, exposures.h5 and sky_fibres.h5, all [rows, pixels] on one grid `loglam` of
steps of 1e-4: `flux`, `ivar`, `z`, `id`; of exposures also `ref_flux`, `ref_ivar`, the coadd of the other
exposures of each. OUT holds survey data: it stays out of the repository. No object is in both training and
test. Peers are fitted to the same training spectra. All comparisons allow the reference one factor.
"""

import argparse
import json
import os
import sys

import h5py
import numpy as np

STEP = 1e-4
# Pixels of the files that make one of the grid.
BINS = {"optical": 1, "ultraviolet": 2}
# Rest wavelengths, Å; SDSS's arms; least part of the window that a training spectrum shows.
WINDOWS = {"optical": (3700.0, 5100.0), "ultraviolet": (1050.0, 1600.0)}
PART = {"optical": 0.8, "ultraviolet": 0.8}
# Test objects that count as one: within so many arcseconds.
SAME = 3.0
# Exposures of one test object at most, spread over them.
EXPOSURES = 4
# Where the reference is good enough to speak of an error.
SNR = 8.0
# Mocks beside the few real spectra of the ultraviolet window.
MOCKS = 100
SMOOTHINGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
COMPONENTS = (6, 12)


def texts(values):
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values])


def catalog(path):
    with h5py.File(path) as f:
        found = {name: f[name][:] for name in f}
    for name in ("id", "source", "survey"):
        if name in found:
            found[name] = texts(found[name])
    return found


def covered(c, window):
    """Part of the rest window in which each row has data."""
    low, high = np.log10(window)
    pixels = round((high - low) / STEP)
    z = np.where(np.isfinite(c["z"]), c["z"], -0.5)
    rest = c["loglam"][None, :] - np.log10(1 + z)[:, None]
    inside = (rest > low) & (rest < high) & (c["ivar"] > 0)
    return np.where(np.isfinite(c["z"]), inside.sum(1) / pixels, 0.0)


def separation(a, b):
    """Arcseconds between positions `a` and `b`, [len(a), len(b)]."""
    ra, dec = np.radians(a[:, 0])[:, None], np.radians(a[:, 1])[:, None]
    rb, db = np.radians(b[:, 0]), np.radians(b[:, 1])
    h = np.sin((dec - db) / 2) ** 2 + np.cos(dec) * np.cos(db) * np.sin((ra - rb) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(h))) * 3600


def objects(c):
    """Number of the object of each row: rows within SAME of each other are one."""
    places = np.stack([c["ra"], c["dec"]], 1)
    near = separation(places, places) < SAME
    return np.array([np.flatnonzero(row)[0] for row in near])


def one(c, row):
    return {"loglam": c["loglam"], "z": c["z"][row : row + 1], "ivar": c["ivar"][row : row + 1]}


def write(path, c, rows, level=None, more=()):
    with h5py.File(path, "w") as f:
        f["loglam"] = c["loglam"].astype(float)
        f["loglam"].attrs["units"] = "log10(Angstrom)"
        for name in ("flux", "ivar", *more):
            f.create_dataset(name, data=c[name][rows].astype("f4"), compression=1)
        if "and_mask" in c:
            f.create_dataset("and_mask", data=c["and_mask"][rows], compression=1)
        f["z"] = c["z"][rows].astype(float)
        f["id"] = np.array([f"{c['id'][r]} {r}" for r in rows], dtype="S40")
        f["row"] = np.array(rows)
        if level is not None:
            f["level"] = level


def level(c, row, window):
    """Mean flux of a spectrum over the window, by inverse variance within a factor of four of the median."""
    low, high = np.log10(window)
    z = c["z"][row] if np.isfinite(c["z"][row]) else 0.0
    rest = c["loglam"] - np.log10(1 + z)
    ok = (rest > low) & (rest < high) & (c["ivar"][row] > 0)
    f, v = c["flux"][row][ok], c["ivar"][row][ok]
    if len(f) == 0:
        return np.nan
    v = np.clip(v, np.median(v) / 4, np.median(v) * 4)
    return float((f * v).sum() / v.sum())


def make(real, out, name, seed, frame):
    window = WINDOWS[name]
    quasars = catalog(os.path.join(real, "quasars.h5"))
    exposures = catalog(os.path.join(real, "exposures.h5"))
    sky = catalog(os.path.join(real, "sky_fibres.h5"))
    os.makedirs(out, exist_ok=True)
    rng = np.random.default_rng(seed)

    # Test: half of the objects with exposures, another half for each seed; all where there are few.
    own = objects(exposures)
    shown = covered(exposures, window) > PART[name]
    found = np.unique(own[shown])
    held = rng.permutation(found)
    if len(held) > 8:
        held = held[: (len(held) + 1) // 2]
    test = []
    for o in held:
        rows = np.flatnonzero((own == o) & shown)
        test += [int(r) for r in rows[np.linspace(0, len(rows) - 1, min(len(rows), EXPOSURES)).round().astype(int)]]

    # Training: one spectrum of each other quasar, that of the highest S/N.
    places = np.stack([exposures["ra"], exposures["dec"]], 1)[np.isin(own, held)]
    apart = separation(np.stack([quasars["ra"], quasars["dec"]], 1), places).min(1) > SAME
    usable = (covered(quasars, window) > PART[name]) & apart & np.isfinite(quasars["z"])
    usable &= ~np.char.startswith(quasars["survey"], "SDSS dereddened")
    best = {}
    for row in np.flatnonzero(usable):
        snr = quasars["sn_4000_6500"][row]
        key = int(quasars["quasar"][row])
        if key not in best or snr > quasars["sn_4000_6500"][best[key]]:
            best[key] = int(row)
    train = sorted(best.values())

    levels = lambda c, rows: np.array([level(c, r, window) for r in rows])
    sets = {"train": (quasars, train), "test": (exposures, test)}
    templates = os.path.join(real, "..", "templates")
    added = 0
    if name == "ultraviolet" and os.path.isfile(os.path.join(templates, "QFA_model_parameters.npz")):
        mock = mocks(templates, MOCKS, seed)
        added = int((covered(mock, window) > PART[name]).sum())
        sets["train"] = joined(quasars, train, mock)
        sets["train"] = (sets["train"][0], [r for r in sets["train"][1] if covered(one(sets["train"][0], r), window)[0] > PART[name]])
    for kind, (c, rows) in sets.items():
        keep = [r for r in rows if level(c, r, window) > 0]
        more = ("ref_flux", "ref_ivar") if kind == "test" else ()
        if frame == "shifted":
            c, keep = shifted(c, keep, more)
        write(os.path.join(out, f"{kind}.h5"), c, keep, levels(c, keep), more)
    # Sky fibres have no redshift: they get those of the test, in turn, and the level of its median.
    z = np.array([exposures["z"][test[i % len(test)]] for i in range(len(sky["flux"]))])
    sky["z"] = z
    # Every other fibre tells what the sky leaves (survey.sky_fibres of a run of its own), the others are restored.
    write(os.path.join(out, "sky_measured.h5"), sky, list(range(0, len(z), 2)))
    rows = [int(r) for r in np.flatnonzero(covered(sky, window) > PART[name]) if r % 2 == 1]
    usual = float(np.median(levels(exposures, test)))
    if frame == "shifted":
        sky, rows = shifted(sky, rows, ())
    write(os.path.join(out, "sky.h5"), sky, rows, np.full(len(rows), usual))
    # Whole cells of the network.
    bins = BINS[name]
    pixels = int(np.log10(window[1] / window[0]) / STEP) // (32 * bins) * 32
    text = CONFIG.format(
        out=out,
        low=window[0],
        high=round(window[0] * 10 ** (pixels * bins * STEP), 9),
        pixels=pixels,
        frame='frame = "rest"\n' if frame == "rest" else "",
        seed=seed,
    )
    with open(os.path.join(out, "config.toml"), "w") as f:
        f.write(text)
    about = dict(window=name, seed=seed, train=len(train), mocks=added, test=len(test), test_objects=len(held), sky=len(rows))
    with open(os.path.join(out, "about.json"), "w") as f:
        json.dump(about, f)
    print(json.dumps(about))


def shifted(c, rows, more):
    """The rows in their rest frames, by whole pixels: the wavelengths are then those at rest, z is 0."""
    back = {"id": c["id"][rows], "z": np.zeros(len(rows)), "sn": None}
    shift = np.round(np.log10(1 + c["z"][rows]) / STEP).astype(int)
    first = round(c["loglam"][0] / STEP) - shift
    start, n = first.min(), c["flux"].shape[1]
    width = first.max() - start + n
    names = ["flux", "ivar", *more] + (["and_mask"] if "and_mask" in c else [])
    for name in names:
        placed = np.zeros((len(rows), width), dtype=c[name].dtype)
        for i, r in enumerate(rows):
            placed[i, first[i] - start : first[i] - start + n] = c[name][r]
        back[name] = placed
    back["loglam"] = (start + np.arange(width)) * STEP
    return back, list(range(len(rows)))


def mocks(templates, n, seed):
    """Mock quasars at z 2.1 to 3.5 whose continua are draws of a factor model that was learned on real ones
    (QFA, 1030 to 1600 A), behind a forest of the observed mean optical depth, at S/N 3 to 15."""
    with np.load(os.path.join(templates, "QFA_model_parameters.npz")) as f:
        mean, factors, omega = f["mu"], f["F"], f["omega"]
    rng = np.random.default_rng(1000 + seed)
    rest = np.log10(1030.0) + STEP * np.arange(len(mean))
    loglam = 3.5500 + STEP * np.arange(4700)
    out = {"loglam": loglam, "flux": np.zeros((n, 4700)), "ivar": np.zeros((n, 4700))}
    out["z"] = rng.uniform(2.1, 3.5, n)
    out["id"] = np.array([f"mock {i}" for i in range(n)])
    for i, z in enumerate(out["z"]):
        clean = np.maximum(mean + factors @ rng.normal(size=factors.shape[1]), 0.05)
        forest = np.arange(len(mean)) < len(omega)
        absorber = 10**rest * (1 + z) / 1215.67 - 1
        depth = 0.0036 * (1 + absorber) ** 3.45
        rough = np.convolve(rng.normal(size=len(mean)), np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2), "same")
        width = np.where(forest, np.sqrt(np.exp(0.8 * depth) - 1), 0)
        rough = rough / rough.std() * width
        clean = clean * np.where(forest, np.exp(-depth + rough - rough.var() / 2), 1.0)
        first = round((rest[0] + np.log10(1 + z) - loglam[0]) / STEP)
        at = first + np.arange(len(mean))
        ok = (at >= 0) & (at < 4700)
        noise = np.median(clean) / rng.uniform(3, 15)
        out["flux"][i, at[ok]] = clean[ok] + noise * rng.normal(size=ok.sum())
        out["ivar"][i, at[ok]] = noise**-2
    return out


def joined(a, rows, b):
    """Rows of the catalog `a`, and all of the catalog `b`."""
    n = len(b["z"])
    out = {"loglam": a["loglam"]}
    for name in ("flux", "ivar", "z", "id"):
        out[name] = np.concatenate([a[name][rows], b[name]])
    if "and_mask" in a:
        out["and_mask"] = np.concatenate([a["and_mask"][rows], np.zeros((n, 4700), a["and_mask"].dtype)])
    return out, list(range(len(rows) + n))


CONFIG = """# Made by scripts/real.py.
seed = {seed}

[grid]
{frame}min = {low}
max = {high}
pixels = {pixels}

[survey]
prepared = "{out}/prepared.h5"
noise = "measured"
[survey.source]
kind = "hdf5"
file = "{out}/train.h5"
wavelength = "vacuum"
flux_unit = "1e-17 erg/s/cm^2/Angstrom"

[select]
coverage_min = 0.5

[normalise]
kind = "column"

[forward]
kind = "quasar"
tilt = 0.0
smoothing = {{ from = "lsf" }}
noise = {{ from = "ivar" }}

[interpolant]
kind = "sure"

[network]
channels = [24, 32, 48]

[train]
steps = 20
batch = 32
ema = 0.9
heldout = 0.1
validate_every = 10
checkpoint_every = 10

[restore]
draws = 32
"""


def column(path, name):
    from astropy.io import fits

    with fits.open(path) as f:
        return np.array(f["CATALOG"].data[name])


def images(path, names):
    from astropy.io import fits

    with fits.open(path) as f:
        loglam = np.array(f["WAVELENGTH"].data["LOGLAM"])
        return loglam, [np.array(f[n].data, dtype=float) for n in names]


def on_grid(c, rows, loglam, flux, ivar, z):
    """Rows of a catalog, moved by the redshifts `z`, at the pixels `loglam`, each the mean of as many of theirs as
    it is wide."""
    bins = round((loglam[1] - loglam[0]) / STEP)
    shift = np.log10(1 + z)
    edge = loglam[0] - 0.5 * bins * STEP + 0.5 * STEP
    first = np.round((edge + shift - c["loglam"][0]) / STEP).astype(int)
    out = np.zeros((2, len(rows), bins * len(loglam)))
    for i, r in enumerate(rows):
        at = first[i] + np.arange(out.shape[2])
        ok = (at >= 0) & (at < c[flux].shape[1])
        out[0, i, ok] = c[flux][r, at[ok]]
        out[1, i, ok] = c[ivar][r, at[ok]]
    good = (out[1] > 0) & np.isfinite(out[0]) & np.isfinite(out[1])
    good = good.reshape(len(rows), -1, bins)
    y, v = (np.where(good, a.reshape(good.shape), 0.0) for a in out)
    n = good.sum(2)
    whole = n * 2 >= bins
    variance = np.where(good, 1 / np.maximum(v, 1e-12), 0.0).sum(2) / np.maximum(n, 1) ** 2
    return (
        np.where(whole, y.sum(2) / np.maximum(n, 1), 0.0),
        np.where(whole, 1 / np.maximum(variance, 1e-12), 0.0),
    )


def smoothed(y, v, width):
    reach = int(4 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    run = lambda a: np.array([np.convolve(row, kernel, "same") for row in a])
    return run(y * v) / np.maximum(run(v), 1e-30)


class Population:
    """Mean and components of training spectra by EMPCA (Bailey 2012), and what is left as scatter."""

    def __init__(self, y, v, k, rounds=30):
        v = v / (1 + 0.0025 * v * np.maximum(y, 0) ** 2)  # 5 % of the flux: no spectrum counts alone
        w = np.maximum(v.sum(0), 1e-12)
        self.mean = (y * v).sum(0) / w
        rng = np.random.default_rng(0)
        p = rng.normal(size=(k, y.shape[1]))
        p = np.array([smoothed(row[None], np.ones_like(row[None]), 8)[0] for row in p])
        d = (y - self.mean) * (v > 0)
        for _ in range(rounds):
            c = coefficients(p, d, v)
            for j in range(k):
                left = d - c @ p + np.outer(c[:, j], p[j])
                p[j] = (c[:, j] @ (left * v)) / np.maximum(c[:, j] ** 2 @ v, 1e-12)
                p[j] = smoothed(p[j][None], np.ones_like(p[j][None]), 2)[0]
            q, _ = np.linalg.qr(p.T)
            p = q.T
        c = coefficients(p, d, v)
        self.parts, self.prior = p, np.cov(c.T).reshape(k, k)
        left = (d - c @ p) ** 2 - np.where(v > 0, 1 / np.maximum(v, 1e-12), 0)
        ok = v > 0
        local = (left * ok).sum(0) / np.maximum(ok.sum(0), 1)
        self.local = np.maximum(smoothed(local[None], np.ones_like(local[None]), 24)[0], 1e-5)

    def fit(self, y, v):
        """Least squares: EMPCA's restoration."""
        return self.mean + coefficients(self.parts, (y - self.mean) * (v > 0), v) @ self.parts

    def posterior(self, y, v, length=3.0):
        """Mean and deviation of the Gaussian posterior: components with their prior, and local structure
        that is correlated over `length` pixels."""
        n = y.shape[1]
        lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        near = np.exp(-0.5 * (lag / length) ** 2)
        root = np.sqrt(self.local)
        c = self.parts.T @ self.prior @ self.parts + near * np.outer(root, root)
        mean, deviation = np.zeros_like(y), np.zeros_like(y)
        for i in range(len(y)):
            ok = v[i] > 0
            s = c[np.ix_(ok, ok)] + np.diag(1 / v[i][ok])
            gain = np.linalg.solve(s, c[ok]).T
            mean[i] = self.mean + gain @ (y[i] - self.mean)[ok]
            deviation[i] = np.sqrt(np.maximum(np.diag(c) - (gain * c[ok].T).sum(1), 0))
        return mean, deviation


def coefficients(p, d, v):
    out = np.zeros((len(d), len(p)))
    for i in range(len(d)):
        a = (p * v[i]) @ p.T + 1e-9 * np.eye(len(p))
        out[i] = np.linalg.solve(a, p @ (v[i] * d[i]))
    return out


def scaled(x, s, r, rv):
    """The factor of the reference, by least squares with both errors."""
    ok = (rv > 0) & np.isfinite(x)
    w = np.where(ok, 1 / (1 / np.maximum(rv, 1e-12) + np.where(ok, s, 0) ** 2), 0)
    x = np.where(ok, x, 0)
    return (w * r * x).sum() / max((w * x * x).sum(), 1e-30), ok


def noise_scale(y, v):
    """Noise over 1/sqrt(v), from differences of pixels four apart, at S/N below 10."""
    k = 4
    d = y[:, k:-k] - 0.5 * (y[:, : -2 * k] + y[:, 2 * k :])
    a, b, c = v[:, k:-k], v[:, : -2 * k], v[:, 2 * k :]
    ok = (a > 0) & (b > 0) & (c > 0) & (smoothed(y * np.sqrt(v), np.ones_like(y), 12)[:, k:-k] < 10)
    ok &= np.maximum(np.maximum(a, b), c) < 2 * np.minimum(np.minimum(a, b), np.where(c > 0, c, 1e9))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (d / np.sqrt(1 / a + 0.25 / b + 0.25 / c))[ok]
    return float(1.4826 * np.median(np.abs(t)))


def scores(x, s, r, rv):
    """Of restorations `x` ± `s` against references `r`, each [N, D], in units of the reference's level."""
    square, noise, chi2, inside, n, each, everywhere = 0.0, 0.0, [], np.zeros(2), 0, [], []
    for i in range(len(x)):
        k, ok = scaled(x[i], s[i], r[i], rv[i])
        if not ok.any():
            continue
        near = np.median(r[i][ok])
        d = r[i] - k * x[i]
        var = 1 / np.maximum(rv[i], 1e-12)
        if np.any(s[i] > 0):
            t = d[ok] / np.sqrt(var[ok] + (k * s[i][ok]) ** 2)
            t = t[np.abs(t) < 6]
            chi2.append(np.mean(t**2))
            inside += [np.mean(np.abs(t) < 1), np.mean(np.abs(t) < 1.96)]
        good = ok & (smoothed(r[i][None], rv[i][None], 8)[0] * np.sqrt(rv[i]) >= SNR)
        good &= np.abs(d) < 6 * np.sqrt(var + (k * s[i]) ** 2 + (0.3 * near) ** 2)
        # Everywhere: what the reference's noise adds is known.
        # Pixels on bright sky lines say nothing, and weigh most.
        usual = ok & (var < 9 * np.median(var[ok]))
        all_over = usual & (np.abs(d) < 6 * np.sqrt(var + (k * s[i]) ** 2 + (0.3 * near) ** 2))
        if all_over.sum() > 50 and near > 0:
            everywhere.append((np.mean(d[all_over] ** 2) - np.mean(var[all_over])) / near**2)
        if good.sum() > 50 and near > 0:
            e, v = np.mean(d[good] ** 2) / near**2, np.mean(var[good]) / near**2
            square, noise, n = square + e, noise + v, n + 1
            each.append(float(np.sqrt(max(e - v, 0))))
    m = max(len(chi2), 1)
    return {
        "rmse": float(np.sqrt(square / n)) if n else None,
        "error": float(np.sqrt(max(square - noise, 0) / n)) if n else None,
        "median_error": float(np.median(each)) if each else None,
        "error_everywhere": float(np.sqrt(max(np.mean(everywhere), 0))) if everywhere else None,
        "counted": n,
        "chi2": float(np.mean(chi2)) if chi2 else None,
        "chi2_median": float(np.median(chi2)) if chi2 else None,
        "inside_68": float(inside[0] / m) if chi2 else None,
        "inside_95": float(inside[1] / m) if chi2 else None,
        "objects": len(x),
    }


def judge(out, frame):
    about = json.load(open(os.path.join(out, "about.json")))
    test, train, sky = (catalog(os.path.join(out, f"{n}.h5")) for n in ("test", "train", "sky"))
    loglam, (x, s) = images(os.path.join(out, "restored.fits"), ("RESTORED", "SIGMA"))
    name = texts(column(os.path.join(out, "restored.fits"), "NAME"))
    place = {n.strip(): i for i, n in enumerate(name)}
    flag = column(os.path.join(out, "restored.fits"), "FLAG")
    rows = [r for r in range(len(test["id"])) if flag[place[test["id"][r]]] == 0]
    x, s = (a[[place[test["id"][r]] for r in rows]] for a in (x, s))
    z = np.zeros(len(rows))
    if frame == "rest":
        z = column(os.path.join(out, "restored.fits"), "Z_GRID")[[place[test["id"][r]] for r in rows]]
    y, v = on_grid(test, rows, loglam, "flux", "ivar", z)
    r, rv = on_grid(test, rows, loglam, "ref_flux", "ref_ivar", z)
    # In units of the exposures' levels: those of the references, which have the same noise.
    unit = test["level"][rows][:, None]
    x, s, y, v, r, rv = x / unit, s / unit, y / unit, v * unit**2, r / unit, rv * unit**2
    # The references' noise is not quite what their ivar says, either.
    about["reference_noise"] = noise_scale(r, rv)
    rv = rv / about["reference_noise"] ** 2
    sigma = np.where(v > 0, 1 / np.sqrt(np.maximum(v, 1e-12)), 0)
    all_rows = list(range(len(train["id"])))
    ty, tv = on_grid(train, all_rows, loglam, "flux", "ivar", train["z"])
    tu = train["level"][:, None]
    ty, tv = ty / tu, tv * tu**2
    table = {"selfsi": scores(x, s, r, rv), "exposure": scores(np.where(v > 0, y, np.nan), sigma, r, rv)}
    path = os.path.join(out, "restored-sky.fits")
    if os.path.isfile(path):
        _, both = images(path, ("RESTORED", "SIGMA"))
        table["selfsi, residues known"] = scores(*(a[[place[test["id"][r]] for r in rows]] / unit for a in both), r, rv)
    zero = np.zeros_like(y)
    best = lambda tried: min(tried.items(), key=lambda t: t[1]["error"] if t[1]["error"] is not None else 9)
    tried = {f"smoothing ({w} px)": scores(smoothed(y, v, w), zero, r, rv) for w in SMOOTHINGS}
    found = best(tried)
    table["best smoothing"] = found[1] | {"setting": found[0]}
    tried, gauss = {}, {}
    for k in COMPONENTS:
        p = Population(ty, tv, k)
        tried[f"{k} components"] = scores(p.fit(y, v), zero, r, rv)
        gauss[f"{k} components"] = scores(*p.posterior(y, v), r, rv)
    for label, of in (("EMPCA", tried), ("rest-frame GP", gauss)):
        found = best(of)
        table[label] = found[1] | {"setting": found[0]}
    _, (sx, ss, sy, sv) = images(os.path.join(out, "sky.fits"), ("RESTORED", "SIGMA", "OBSERVED", "IVAR"))
    ok = np.isfinite(sx).all(1)
    t = sx[ok] / ss[ok]
    about["sky"] = {
        "fibres": int(ok.sum()),
        "inside_1": float(np.mean(np.abs(t) < 1)),
        "inside_2": float(np.mean(np.abs(t) < 2)),
        "chi2": float(np.mean(t**2)),
        "rms_of_restored": float(np.sqrt(np.mean(sx[ok] ** 2))),
        "rms_of_observed": float(np.sqrt(np.mean((sy[ok] ** 2)[sv[ok] > 0]))),
        "mean_sigma": float(np.mean(ss[ok])),
        # What is there, noise aside: means of the observation over its whole, over their errors.
        "observed_mean_over_error": float(
            np.sqrt(np.mean((sy[ok] * sv[ok]).sum(1) ** 2 / np.maximum(sv[ok].sum(1), 1e-12)))
        ),
        "restored_less_observed_mean": float(
            np.sqrt(np.mean((sx[ok].mean(1) - (sy[ok] * sv[ok]).sum(1) / np.maximum(sv[ok].sum(1), 1e-12)) ** 2))
        ),
    }
    about["table"] = table
    with open(os.path.join(out, "judged.json"), "w") as f:
        json.dump(about, f, indent=1)
    print(json.dumps(about, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("make", "judge"))
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--window", choices=WINDOWS, default="optical")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frame", choices=("rest", "shifted"), default="rest")
    a = parser.parse_args()
    if a.step == "make":
        make(a.paths[0], a.paths[1], a.window, a.seed, a.frame)
    else:
        judge(a.paths[0], a.frame)


if __name__ == "__main__":
    sys.exit(main())
