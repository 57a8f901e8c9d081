"""Redshifts that are wrong because one line was taken for another, among mock observations on a grid of the rest frame:
how many the audit flags, and how many it puts right.

    python scripts/line_confusions.py make  PREPARED.h5 ODD.h5 --snr 5 --n 100    # what is wrong is in ODD.h5.json
    selfsi restore RUN ODD.h5 --out ODD.fits
    selfsi audit RUN ODD.fits ODD.h5 --out ODD.audit.fits
    python scripts/line_confusions.py judge ODD.h5 ODD.fits ODD.audit.fits        # the table

Of the objects of about that S/N per pixel `n` are recorded at a wrong redshift and `n` at their own. A wrong one has
its observed pixels where the wrong redshift puts them; what lies beyond the grid is lost.
"""

import argparse
import json
import sys

import h5py
import numpy as np
from astropy.io import fits

from prepared_copy import write

LIGHT = 299_792.458
LINES = {"Ly-alpha": 1215.67, "C IV": 1549.06, "C III]": 1908.73, "Mg II": 2798.75}
PAIRS = (("Mg II", "Ly-alpha"), ("Ly-alpha", "Mg II"), ("C IV", "Ly-alpha"), ("Ly-alpha", "C IV"), ("C III]", "Mg II"), ("Mg II", "C III]"))
# Where a spectrograph sees the line that is taken for another, and the redshifts that a catalog holds.
SEEN = (3700.0, 10_300.0)
RECORDED = (0.5, 4.5)
# Bits of the audit's FLAG: not audited, REDSHIFT.
NOT_AUDITED, REDSHIFT = 1, 128


def moved(rows, by):
    """Rows whose pixel j is at j + by; 0 where there is none."""
    out = np.zeros_like(rows)
    d = rows.shape[-1]
    if abs(by) < d:
        out[max(by, 0) : d + min(by, 0)] = rows[max(-by, 0) : d - max(by, 0)]
    return out


def make(args):
    rng = np.random.default_rng(args.seed)
    with h5py.File(args.prepared) as source:
        if source.attrs.get("frame") not in (b"rest", "rest"):
            sys.exit(f"{args.prepared}: a grid of the observed frame; one of the rest frame is needed")
        loglam, z, flux, ivar = (source[k][:] for k in ("loglam", "z", "flux", "ivar"))
        dln = np.log(10) * (loglam[1] - loglam[0])
        good = ivar > 0
        snr = (flux * np.sqrt(ivar)).sum(1) / np.maximum(good.sum(1), 1)
        near = (source["flag"][:] == 0) & (np.abs(np.log(snr.clip(1e-9) / args.snr)) < 0.35)
        order = rng.permutation(np.flatnonzero(near))
        recorded, kinds, wrong = z.copy(), {}, 0
        for i in order:
            possible = []
            for line, other in PAIRS:
                lam, at = LINES[line] * (1 + z[i]), (1 + z[i]) * LINES[line] / LINES[other] - 1
                if SEEN[0] < lam < SEEN[1] and RECORDED[0] <= at <= RECORDED[1]:
                    possible.append((line, other, at))
            if wrong < args.n and possible:
                line, other, recorded[i] = possible[rng.integers(len(possible))]
                kinds[i] = f"{line} taken for {other}"
                wrong += 1
            elif len(kinds) - wrong < args.n:
                kinds[i] = "right"
        pick = np.sort(list(kinds))
        columns = {k: source[k][:][pick] for k in source if source[k].shape[:1] == z.shape}
        for row, i in enumerate(pick):
            by = round((np.log1p(z[i]) - np.log1p(recorded[i])) / dln)
            for k in ("flux", "ivar"):
                columns[k][row] = moved(columns[k][row], by)
            columns["z"][row] = recorded[i]
            columns["z_grid"][row] = (1 + columns["z_grid"][row]) * np.exp(-by * dln) - 1
        write(args.odd, source, columns)
    with open(args.odd + ".json", "w") as f:
        json.dump({"kinds": [kinds[i] for i in pick], "z": z[pick].tolist()}, f)


def judge(args):
    with open(args.odd + ".json") as f:
        found = json.load(f)
    kinds, z = np.array(found["kinds"]), np.array(found["z"])
    p = fits.getdata(args.restored, "CATALOG")["LOGLIKE_P"]
    audit = fits.getdata(args.audit, "AUDIT")
    flag, best, gain = audit["FLAG"], audit["Z_BEST"], audit["Z_GAIN"]
    said, right = (flag & REDSHIFT) > 0, np.abs(best - z) / (1 + z) * LIGHT < 1000
    print("| | n | LOGLIKE_P < 0.01 | audit: any flag | REDSHIFT | of these, Z_BEST right | Z_BEST right, flagged or not | likelier than the recorded z |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    wrong = kinds != "right"
    for group, own in [("right", ~wrong), ("wrong", wrong)] + [(k, kinds == k) for k in sorted(set(kinds[wrong]))]:
        n = own.sum()
        cells = [group, str(n), str((p[own] < 0.01).sum()), str(((flag[own] & ~NOT_AUDITED) > 0).sum()), str(said[own].sum())]
        cells += [f"{(said & right)[own].sum()} of {said[own].sum()}", str(right[own].sum()) if group != "right" else "–", str((gain[own] > 0).sum())]
        print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("make", help="inject")
    for name in ("prepared", "odd"):
        one.add_argument(name)
    one.add_argument("--snr", type=float, required=True)
    one.add_argument("--n", type=int, default=100)
    one.add_argument("--seed", type=int, default=7)
    one.set_defaults(run=make)
    one = commands.add_parser("judge", help="the table")
    for name in ("odd", "restored", "audit"):
        one.add_argument(name)
    one.set_defaults(run=judge)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
