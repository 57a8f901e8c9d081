"""Checks restored spectra in the form of a DESI coadd file with specutils and astropy.

    desi_restored.py RESTORED.fits FILE TARGETID...

RESTORED.fits is the restored catalog, FILE holds its targets TARGETID..., in that order. Exits with 0 if
everything holds, else with the first assertion that does not.
"""

import sys
import warnings

import astropy.units as u
import numpy as np
from astropy.io import fits
from specutils import SpectrumList

ALLBADPIX = 2


def main(catalog, path, targets):
    with fits.open(path, checksum=True) as hdus:
        for hdu in hdus:
            assert "CHECKSUM" in hdu.header, hdu.name
            hdu.verify("exception")
        assert hdus[0].header["INFIL000"].startswith("coadd-")
        assert hdus[0].header["CREATOR"].startswith("selfsi")
        assert list(hdus["FIBERMAP"].data["TARGETID"]) == targets
        assert list(hdus["SCORES"].data["TARGETID"]) == targets
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # No format is given: specutils knows the file by itself.
        arms = SpectrumList.read(path)
    with fits.open(catalog) as hdus:
        table = hdus["CATALOG"].data
        by_name = {str(n): k for k, n in enumerate(table["NAME"])}
        rows = [by_name[str(t)] for t in targets]
        restored, observed = hdus["RESTORED"].data[rows], hdus["IVAR"].data[rows]
        sigma = hdus["SIGMA"].data[rows] if "SIGMA" in hdus else None
        wavelength = hdus["WAVELENGTH"].data["WAVELENGTH"]
    bands = [a.meta["band"] for a in arms]
    assert bands == sorted(bands) and set(bands) <= {"b", "r", "z"}, bands
    joined = np.concatenate([a.spectral_axis.to_value("AA") for a in arms])
    assert np.allclose(joined, wavelength, rtol=1e-12)
    assert np.array_equal(np.concatenate([a.flux.value for a in arms], axis=1), restored)
    unit = 1e-17 * u.erg / (u.s * u.cm**2 * u.AA)
    for arm in arms:
        assert arm.flux.unit.is_equivalent(unit) and np.isclose(arm.flux.unit.to(unit), 1)
        assert np.isclose((arm.uncertainty.unit * arm.flux.unit**2).to(u.one), 1)
    ivar = np.concatenate([a.uncertainty.array for a in arms], axis=1)
    if sigma is None or not np.isfinite(sigma).any():
        assert not ivar.any()
    else:
        known = sigma > 0
        assert np.allclose(ivar[known], 1 / sigma[known] ** 2, rtol=1e-4)
    mask = np.concatenate([a.meta["int_mask"] for a in arms], axis=1)
    assert np.array_equal(mask, np.where(observed > 0, 0, ALLBADPIX))
    with fits.open(path) as hdus:
        names = [a.upper() for a in bands]
        seen = np.concatenate([hdus[f"{a}_OBS_IVAR"].data for a in names], axis=1)
        assert np.array_equal(seen, observed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [int(t) for t in sys.argv[3:]])
