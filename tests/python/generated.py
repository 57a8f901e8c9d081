"""Checks generated samples in both formats with astropy and h5py: valid, and the same.

    generated.py GENERATED.fits GENERATED.h5

Exits with 0 if everything holds, else with the first assertion that does not.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import astropy.units as u
import h5py
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

STRUCTURE = ("SIMPLE", "BITPIX", "NAXIS", "EXTEND", "CHECKSUM", "DATASUM", "DATE", "COMMENT")


def check_sums(path):
    """CHECKSUM and DATASUM are there and right, for astropy and for its fitscheck."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as hdus:
            for hdu in hdus:
                assert "CHECKSUM" in hdu.header and "DATASUM" in hdu.header, hdu.name
                hdu.verify("exception")
    fitscheck = Path(sys.executable).parent / "fitscheck"
    done = subprocess.run([fitscheck, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def text(values):
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def letters(lines):
    """HISTORY cards hold 72 characters each: long lines are broken, blanks at the breaks lost."""
    return "".join("".join(lines).split())


def check_spectra(hdus, h5, header):
    assert header["CONTENT"] == "generated spectra" and header["REDSHIFT"] == "unknown"
    image = hdus["GENERATED"]
    # Normalised flux has no unit, and says so.
    unit = u.Unit(image.header["BUNIT"], format="fits")
    assert unit == u.Unit(header["FLUXUNIT"]) == u.dimensionless_unscaled
    assert "6600-8000 Angstrom" in header["DIVIDED"]
    grid = Table.read(hdus["WAVELENGTH"])
    assert grid["WAVELENGTH"].unit == u.AA == u.Unit(h5["wavelength"].attrs["unit"])
    for name in ("WAVELENGTH", "LOGLAM"):
        np.testing.assert_array_equal(grid[name], h5[name.lower()][:])
    np.testing.assert_allclose(np.log10(grid["WAVELENGTH"]), grid["LOGLAM"], rtol=1e-12)
    wcs = WCS(image.header).spectral
    pixel = np.arange(image.data.shape[1])
    wave = wcs.pixel_to_world(pixel).to_value(u.AA)
    np.testing.assert_allclose(wave, grid["WAVELENGTH"], rtol=1e-9)
    return {"wavelength", "loglam"}


def check_images(hdus, h5, header):
    assert header["CONTENT"] == "generated images"
    image = hdus["GENERATED"]
    unit = u.Unit(header["PIXUNIT"], format="fits")
    assert u.Unit(image.header["BUNIT"], format="fits") == unit
    assert u.Unit(h5["generated"].attrs["bunit"], format="fits") == unit
    channels = len([k for k in header if k.startswith("MEAN")])
    assert image.data.ndim == (3 if channels == 1 else 4)
    return set()


def main(fits_path, h5_path):
    check_sums(fits_path)
    table = Table.read(fits_path, hdu="CATALOG", mask_invalid=False)
    with fits.open(fits_path) as hdus, h5py.File(h5_path) as h5:
        header = hdus[0].header
        for key in header:
            if key not in STRUCTURE and key != "HISTORY":
                other = h5.attrs[key.lower()]
                # FITS cards hold 15 digits of a number.
                same = other == header[key]
                if isinstance(header[key], float):
                    same = np.isclose(other, header[key], rtol=1e-14, atol=0)
                assert same, (key, other, header[key])
        assert letters(h5.attrs["history"].split("\n")) == letters(header["HISTORY"])
        assert header["CREATOR"].startswith("selfsi ") and header["METHOD"] == "edm"
        assert header["SAMPLES"] in ("DRAW", "RESTORED")
        assert all(len(header[k]) == 64 for k in ("CFGSHA", "CATSHA", "MODELSHA"))
        history = letters(header["HISTORY"])
        assert "trainedon" + header["SAMPLES"] in history and "input:" in history

        spectra = "WAVELENGTH" in [h.name for h in hdus]
        more = (check_spectra if spectra else check_images)(hdus, h5, header)
        data = hdus["GENERATED"].data
        np.testing.assert_array_equal(data, h5["generated"][:])
        assert h5["generated"].dtype == np.float32 and np.isfinite(data).all()
        assert set(h5) == {"generated"} | {c.lower() for c in table.colnames} | more

        n = len(table)
        assert data.shape[0] == n
        assert text(table["NAME"]) == [f"GEN-{k:06d}" for k in range(1, n + 1)]
        assert (table["SEED"] == header["SEED"]).all() and (table["FLAG"] == 0).all()
        np.testing.assert_array_equal(table["NUMBER"], np.arange(1, n + 1))
        assert not any(text(table["REASON"]))
        for name in table.colnames:
            theirs = h5[name.lower()][:]
            if table[name].dtype.kind in "SU":
                assert text(table[name]) == text(theirs), name
            else:
                np.testing.assert_array_equal(np.asarray(table[name]), theirs)


if __name__ == "__main__":
    main(*sys.argv[1:])
