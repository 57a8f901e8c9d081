"""Factor models of quasars that others learned on real spectra, in the form that `selfsi mock` reads
([mock.population] kind = "factors").

    python scripts/factors.py redrock TEMPLATE.fits OUT.h5 --spectra quasars.h5 --z 2.1 3.5
    python scripts/factors.py qfa MODEL.npz OUT.h5 --first 1030

redrock: eigenspectra (BASIS_VECTORS, log10 wavelengths from CRVAL1 in steps of CDELT1) say what spectra can be,
not how often. The law of their scores is fitted here to real spectra: normal, by expectation maximisation, each
spectrum with its own noise and over what it shows, in units of its level, Lyman-alpha forest left out. The
template should begin redward of 912 A (--range), where eigenspectra of real spectra have no light. SPECTRA is an HDF5 file of `loglam`, `flux`, `ivar`, `z` (and `quasar`: the same number is the
same object, of which the best spectrum counts).

qfa: mean `mu` and factors `F` (https://github.com/ZechangSun/QFA), whose scores are standard normal by
construction. The file does not say its wavelengths: --first is that of the first pixel, --step the step in
log10. `Psi`, which is of single pixels, is left out: it would be white noise.

OUT has what docs/reference/files.md says. It holds no survey data, but it is theirs whose model it is.
"""

import argparse
import sys

import h5py
import numpy as np
from astropy.io import fits

# Blueward of it there is the forest.
LYA = 1220.0
# Spectra that tell of the scores: of such S/N, and showing such a part of the template between LYA and its end,
# or of what an object of their redshift can show.
SNR = 3.0
PART = 0.3
# Differences from a linear model, relative: none is exact.
MODEL = 0.1
ROUNDS = 200
# Pixels that are averaged for the fit.
BIN = 10


def write(path, wavelength, mean, components, score_mean, score_covariance, source):
    with h5py.File(path, "w") as f:
        f["wavelength"] = np.asarray(wavelength, float)
        f["wavelength"].attrs["units"] = "Angstrom"
        f["mean"] = np.asarray(mean, float)
        f["components"] = np.asarray(components, float)
        f["score_mean"] = np.asarray(score_mean, float)
        f["score_covariance"] = np.asarray(score_covariance, float)
        f.attrs["source"] = source


def binned(flux, ivar):
    """Weighted means of BIN pixels, [n / BIN], with their inverse variances."""
    n = len(flux) // BIN * BIN
    flux, ivar = flux[:n].reshape(-1, BIN), ivar[:n].reshape(-1, BIN)
    weight = ivar.sum(1)
    return np.where(weight > 0, (flux * ivar).sum(1) / np.maximum(weight, 1e-300), 0), weight


def observations(path, loglam, z_range):
    """Real spectra on the pixels of the template: values and inverse variances, [n, pixels]; 0: not shown."""
    with h5py.File(path, "r") as f:
        native, z = f["loglam"][:], f["z"][:]
        quasar = f["quasar"][:] if "quasar" in f else np.arange(len(z))
        flux, ivar = f["flux"][:].astype(float), f["ivar"][:].astype(float)
    step = loglam[1] - loglam[0]
    found = {}
    for i in np.flatnonzero(np.isfinite(z) & (z >= z_range[0]) & (z <= z_range[1])):
        at = np.round((native - np.log10(1 + z[i]) - loglam[0]) / step).astype(int)
        ok = (at >= 0) & (at < len(loglam)) & (ivar[i] > 0) & np.isfinite(flux[i])
        ok &= native - np.log10(1 + z[i]) > np.log10(LYA)
        y, v = np.zeros(len(loglam)), np.zeros(len(loglam))
        y[at[ok]], v[at[ok]] = flux[i][ok], ivar[i][ok]
        y, v = binned(y, v)
        snr = np.median((y * np.sqrt(v))[v > 0]) if (v > 0).any() else 0.0
        if (v > 0).sum() < PART * len(v) or snr < SNR * np.sqrt(BIN):
            continue
        if quasar[i] not in found or snr > found[quasar[i]][0]:
            found[quasar[i]] = (snr, y, v)
    if len(found) < 10:
        sys.exit(f"{path}: {len(found)} objects at z {z_range[0]} to {z_range[1]} show enough of the template; 10 are needed")
    return np.array([f[1] for f in found.values()]), np.array([f[2] for f in found.values()])


def law(templates, y, v):
    """Mean and covariance of the scores s of y = s @ templates + noise, by expectation maximisation."""
    k = len(templates)
    # The first component is like the mean spectrum: it tells the level over what is not shown.
    first = templates[0].mean()
    scale = (v * y * templates[0]).sum(1) / (v * templates[0] ** 2).sum(1) * first
    good = scale > 0
    y, v, scale = y[good], v[good], scale[good]
    y, v = y / scale[:, None], v * scale[:, None] ** 2
    weight = np.where(v > 0, 1 / (1 / np.maximum(v, 1e-300) + MODEL**2), 0)
    # In units in which the templates are alike.
    size = np.sqrt((templates**2).mean(1))
    t = templates / size[:, None]
    inner = np.einsum("il,kl,ml->ikm", weight, t, t)
    told = np.einsum("il,kl,il->ik", weight, t, y)
    mean, covariance = np.zeros(k), np.eye(k)
    mean[0] = size[0] / first
    for _ in range(ROUNDS):
        precision = np.linalg.inv(covariance)
        own = np.linalg.inv(inner + precision)
        scores = np.einsum("ikm,im->ik", own, told + precision @ mean)
        mean = scores.mean(0)
        off = scores - mean
        covariance = np.einsum("ik,im->km", off, off) / len(off) + own.mean(0) + 1e-10 * np.eye(k)
    return mean / size, covariance / np.outer(size, size), len(y)


def redrock(args):
    with fits.open(args.template) as f:
        header, vectors = f["BASIS_VECTORS"].header, f["BASIS_VECTORS"].data.astype(float)
    if not header.get("LOGLAM", 0):
        sys.exit(f"{args.template}: wavelengths are not logarithmic (LOGLAM)")
    loglam = header["CRVAL1"] + header["CDELT1"] * np.arange(vectors.shape[1])
    if args.range:
        keep = (loglam >= np.log10(args.range[0])) & (loglam <= np.log10(args.range[1]))
        loglam, vectors = loglam[keep], vectors[:, keep]
    y, v = observations(args.spectra, loglam, args.z)
    n = vectors.shape[1] // BIN * BIN
    coarse = vectors[:, :n].reshape(len(vectors), -1, BIN).mean(2)
    mean, covariance, objects = law(coarse, y, v)
    source = f"{args.template}: scores of {objects} objects at z {args.z[0]} to {args.z[1]} in {args.spectra}"
    write(args.out, 10**loglam, np.zeros(len(loglam)), vectors, mean, covariance, source)
    print(f"{args.out}: {len(vectors)} components over {10**loglam[0]:.0f} to {10**loglam[-1]:.0f} A, scores of {objects} objects")


def qfa(args):
    with np.load(args.model) as f:
        mean, factors = f["mu"].astype(float), f["F"].astype(float).T
    wavelength = args.first * 10 ** (args.step * np.arange(len(mean)))
    k = len(factors)
    write(args.out, wavelength, mean, factors, np.zeros(k), np.eye(k), args.model)
    print(f"{args.out}: {k} components over {wavelength[0]:.0f} to {wavelength[-1]:.0f} A, scores standard normal")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("redrock", help="eigenspectra, with the scores of real spectra")
    one.add_argument("template")
    one.add_argument("out")
    one.add_argument("--spectra", required=True, help="HDF5: loglam, flux, ivar, z")
    one.add_argument("--z", type=float, nargs=2, default=(2.1, 3.5), help="redshifts of the spectra")
    one.add_argument("--range", type=float, nargs=2, help="rest wavelengths to keep, A")
    one.set_defaults(run=redrock)
    one = commands.add_parser("qfa", help="quasar factor analysis")
    one.add_argument("model")
    one.add_argument("out")
    one.add_argument("--first", type=float, default=1030.0, help="wavelength of the first pixel, A")
    one.add_argument("--step", type=float, default=1e-4, help="step in log10 wavelength")
    one.set_defaults(run=qfa)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
