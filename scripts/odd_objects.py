"""Objects that the population of a run does not hold, injected into mock observations: how many are told.

    python scripts/odd_objects.py make  PREPARED.h5 TRUTH.h5 ODD.h5 --n 1000    # half of them changed; kinds in ODD.h5.json
    selfsi restore RUN ODD.h5 --out ODD.fits
    selfsi audit RUN ODD.fits ODD.h5 --out ODD.audit.fits                       # also wrong redshifts
    python scripts/odd_objects.py judge ODD.h5 ODD.fits [ODD.audit.fits]        # the table

PREPARED.h5 is the set of a mock survey of the observed frame, TRUTH.h5 its clean spectra. Each changed object keeps
its noise, as far as its inverse variances say; stars and featureless continua get noise of their own.
"""

import argparse
import json
import sys

import h5py
import numpy as np
from astropy.io import fits

from prepared_copy import write

LIGHT = 299_792.458
# Groups and their parts of the objects; the rest is unchanged.
GROUPS = {
    "star": 0.08,
    "featureless": 0.07,
    "z off by 3000 km/s": 0.07,
    "z off by 6000 km/s": 0.07,
    "z off by 10000 km/s": 0.07,
    "BAL": 0.08,
    "DLA, log N 20.3-21": 0.05,
    "DLA, log N 21-21.8": 0.05,
}
# Rest wavelengths and depths relative to C IV of a broad absorption line, as in src/mock/bal.rs.
TROUGHS = ((1549.06, 1.0), (1396.76, 0.7), (1240.81, 0.9), (1215.67, 0.5), (1033.83, 0.9))
EDGE = 300.0
# Lines of a star: wavelength, depth, width, A.
STELLAR = ((4861, 0.5, 8), (4340, 0.5, 8), (4102, 0.5, 8), (5175, 0.35, 25), (5890, 0.4, 6), (4227, 0.4, 6), (4305, 0.4, 15), (6160, 0.2, 20))


def star(rng, w):
    """A blackbody of 3,800-9,000 K with lines, 1 at 7300 A."""
    kelvin = rng.uniform(3800, 9000)
    planck = lambda x: x**-5 / np.expm1(1.4388e8 / (x * kelvin))
    flux = planck(w) / planck(7300.0)
    for line, depth, width in STELLAR:
        flux = flux * (1 - depth * np.exp(-0.5 * ((w - line) / width) ** 2))
    return flux


def outflow(rng, w, z):
    """Transmission of the outflows that `mock.bal` makes."""
    start, width, depth = 2000 + 10_000 * rng.random(), 2000 + 8000 * rng.random(), 0.3 + 0.65 * rng.random()
    through = np.ones_like(w)
    for rest, share in TROUGHS:
        velocity = LIGHT * np.log(rest * (1 + z) / w)
        step = lambda x: 0.5 * (1 + np.tanh(x / EDGE))
        through *= 1 - depth * share * step(velocity - start) * step(start + width - velocity)
    return through


def damped(rng, w, z, columns):
    """Transmission of one damped system in front of the quasar, whose Ly-alpha lies in the spectrum: Lorentzian
    wings, N from f(N) ~ N^-1.9."""
    low, high = columns
    u = rng.random()
    column = np.log10((10.0 ** (-0.9 * low)) * (1 - u) + (10.0 ** (-0.9 * high)) * u) / -0.9
    first = max(w[0] * 1.02 / 1215.67 - 1, 1.8)
    absorber = rng.uniform(first, z - 0.02)
    through = np.ones_like(w)
    for rest, f, decay in ((1215.67, 0.4164, 6.265e8), (1025.72, 0.0791, 1.897e8)):
        x = w / (1 + absorber)
        # Wings of Voigt's profile: tau = N f e^2/(m c) * decay/(4 pi^2) / (nu - nu0)^2 ...
        nu, nu0 = LIGHT * 1e13 / x, LIGHT * 1e13 / rest
        wing = decay / (4 * np.pi**2) / ((nu - nu0) ** 2 + (decay / 4 / np.pi) ** 2)
        through *= np.exp(-np.minimum(0.02654 * f * 10**column * wing, 500))
    return through


def make(args):
    rng = np.random.default_rng(args.seed)
    with h5py.File(args.prepared) as source, h5py.File(args.truth) as known:
        if source.attrs.get("frame") in (b"rest", "rest"):
            sys.exit(f"{args.prepared}: a grid of the rest frame; one of the observed frame is needed")
        loglam, ok = source["loglam"][:], np.flatnonzero(source["flag"][:] == 0)
        pick = np.sort(rng.permutation(ok)[: args.n])
        columns = {k: source[k][:][pick] for k in source if source[k].shape[:1] == (len(source["z"]),)}
        rows = {n: i for i, n in enumerate(known["id"][:])}
        clean = known["flux"][:][[rows[n] for n in columns["name"]]] / columns["norm"][:, None]
        w, n = 10**loglam, len(pick)
        flux, ivar, z = columns["flux"].astype(float), columns["ivar"].astype(float), columns["z"].copy()
        limits = z.min(), z.max()
        good = ivar > 0
        sigma = np.where(good, 1 / np.sqrt(np.where(good, ivar, 1)), 0)
        own_noise = rng.normal(size=flux.shape) * sigma
        kinds, true_z = np.array(["unchanged"] * n, dtype=object), z.copy()
        order, at = rng.permutation(n), 0
        for group, part in GROUPS.items():
            for i in order[at : at + round(part * n)]:
                kinds[i] = group
                if group == "star":
                    flux[i] = star(rng, w) + own_noise[i]
                elif group == "featureless":
                    flux[i] = (w / 7300.0) ** rng.uniform(-2, 0) + own_noise[i]
                elif group == "BAL":
                    flux[i] += clean[i] * (outflow(rng, w, z[i]) - 1)
                elif group.startswith("DLA"):
                    limits_of = (20.3, 21.0) if "20.3" in group else (21.0, 21.8)
                    flux[i] += clean[i] * (damped(rng, w, z[i], limits_of) - 1)
                else:
                    off = float(group.split()[3]) / LIGHT * rng.choice([-1, 1])
                    moved = (1 + z[i]) * (1 + off) - 1
                    if not limits[0] <= moved <= limits[1]:
                        moved = (1 + z[i]) * (1 - off) - 1
                    z[i] = moved
            at += round(part * n)
        flux[~good] = 0
        columns |= {"flux": flux.astype("f4"), "z": z}
        write(args.odd, source, columns)
    with open(args.odd + ".json", "w") as f:
        json.dump({"kinds": list(kinds), "z": true_z.tolist()}, f)


def judge(args):
    with open(args.odd + ".json") as f:
        found = json.load(f)
    kinds, true_z = np.array(found["kinds"]), np.array(found["z"])
    p = fits.getdata(args.restored, "CATALOG")["LOGLIKE_P"]
    audit = fits.getdata(args.audit, "AUDIT") if args.audit else None
    print("| | n | LOGLIKE_P < 0.001 | < 0.01 | < 0.05 |" + (" audit: any flag | REDSHIFT | of these, Z_BEST right |" if args.audit else ""))
    print("|---|--:|--:|--:|--:|" + ("--:|--:|--:|" if args.audit else ""))
    for group in ["unchanged", *GROUPS]:
        own = kinds == group
        cells = [group, str(own.sum())] + [f"{100 * (p[own] < level).mean():.1f} %" for level in (0.001, 0.01, 0.05)]
        if audit is not None:
            flag, best = audit["FLAG"][own], audit["Z_BEST"][own]
            # Bit 1 is of rows that could not be audited, 128 REDSHIFT.
            says = (flag & 128) > 0
            right = np.abs(best - true_z[own])[says] < 0.006
            cells += [f"{100 * ((flag & ~1) > 0).mean():.1f} %", f"{100 * says.mean():.1f} %", f"{right.sum()} of {says.sum()}"]
        print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("make", help="inject")
    for name in ("prepared", "truth", "odd"):
        one.add_argument(name)
    one.add_argument("--n", type=int, default=1000)
    one.add_argument("--seed", type=int, default=7)
    one.set_defaults(run=make)
    one = commands.add_parser("judge", help="the table")
    for name in ("odd", "restored"):
        one.add_argument(name)
    one.add_argument("audit", nargs="?")
    one.set_defaults(run=judge)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
