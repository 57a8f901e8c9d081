"""Checks restored catalogs, and the files of their objects, with the packages astronomers use.

    check_restored.py RESTORED.fits [SPECTRA_DIR] [RESTORED.fits [SPECTRA_DIR]]...

Exits with 0 if everything holds, else with the first assertion that does not.
"""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS
from specutils import Spectrum

LINES = {"LYA": 1215.67, "NV": 1240.81, "SIIV": 1396.76, "CIV": 1549.06}
LINES |= {"CIII": 1908.73, "MGII": 2798.75, "HB": 4862.68, "OIII": 5008.24}
QUANTITIES = ("PEAK", "CENTROID", "EW")
COLUMNS = (
    ("NAME SDSS_NAME REASON WARNING SOURCE PLATE MJD FIBERID THING_ID FLAG RA DEC Z Z_ERR Z_GRID NORM "
     "LOGLIKE LOGLIKE_P SNR HELDOUT").split()
    + [f"{k}_{q}{e}" for k in LINES for q in QUANTITIES for e in ("", "_ERR")]
)


def check_sums(paths):
    """CHECKSUM and DATASUM are there and right, for astropy and for its fitscheck."""
    for path in paths:
        with fits.open(path, checksum=True) as hdus:
            for hdu in hdus:
                assert "CHECKSUM" in hdu.header and "DATASUM" in hdu.header, hdu.name
                hdu.verify("exception")
    fitscheck = Path(sys.executable).parent / "fitscheck"
    done = subprocess.run([fitscheck, *map(str, paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def check_provenance(header):
    assert re.fullmatch(r"selfsi \d+\.\d+\.\d+( \([0-9a-f]{12}(-dirty)?\))?", header["CREATOR"])
    assert header["METHOD"] in ("ode", "sde")
    uncertain = header["METHOD"] == "sde" and header["NDRAWS"] > 1
    assert header["UNCERT"] == ("SDE draws" if uncertain else "none")
    assert len(header["CFGSHA"]) == len(header["RUNSHA"]) == 64
    assert isinstance(header["SEED"], int)
    assert abs((Time(header["DATE"]) - Time.now()).to_value("hour")) < 24
    history = "".join(header["HISTORY"])
    assert "input: " in history and "restored by run" in history


def check_catalog(path):
    """Gives the images and the table."""
    with fits.open(path) as hdus:
        check_provenance(hdus[0].header)
        names = [h.name for h in hdus]
        sde = hdus[0].header["METHOD"] == "sde"
        quantiles = [k for k in hdus[0].header if re.fullmatch(r"QUANT\d+", k)]
        expected = ["PRIMARY", "RESTORED"]
        expected += ["SIGMA", "DRAW"] if sde else []
        expected += [f"Q{100 * hdus[0].header[k]:02g}" for k in quantiles] if sde else []
        expected += ["OBSERVED", "IVAR"] + (["DRAWS"] if "DRAWS" in names else [])
        assert names == expected + ["CATALOG", "WAVELENGTH"], names
        draws = None
        if "DRAWS" in names:
            draws = {"data": hdus["DRAWS"].data.copy(), "header": hdus["DRAWS"].header.copy()}
            draws["unit"] = hdus[0].header["FLUXUNIT"]
        flat = [h for h in hdus if isinstance(h, fits.ImageHDU) and h.name != "DRAWS"]
        images = {h.name: h.data.copy() for h in flat}
        headers = {h.name: h.header.copy() for h in flat}
        main = hdus[0].header
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = Table.read(path, hdu="CATALOG", mask_invalid=False)
        wavelength = Table.read(path, hdu="WAVELENGTH")
    assert table.colnames == COLUMNS
    for name, column in table.columns.items():
        assert column.unit is None or not isinstance(column.unit, u.UnrecognizedUnit), name
    assert table["RA"].unit == table["DEC"].unit == u.deg

    # Units, and the log-lambda grid by the standard's own formula.
    flux = u.Unit(main["FLUXUNIT"], format="fits")
    assert flux.is_equivalent(u.Unit("erg / (s cm2 Angstrom)")) and table["NORM"].unit == flux
    grid = wavelength["WAVELENGTH"].quantity
    np.testing.assert_allclose(10 ** wavelength["LOGLAM"], grid.to_value("Angstrom"), rtol=1e-12)
    for name, header in headers.items():
        unit = u.Unit(header["BUNIT"], format="fits")
        assert u.allclose(1 * unit, 1 * (flux**-2 if name == "IVAR" else flux)), name
        wcs = WCS(header)
        pixel = np.arange(header["NAXIS1"])
        world = wcs.spectral.pixel_to_world(pixel) if wcs.spectral.naxis else None
        np.testing.assert_allclose(world.to_value("Angstrom"), grid.to_value("Angstrom"), rtol=1e-9)
        assert header.get("SPECSYS") == ("HELIOCEN" if table["PLATE"].count() else None)

    # Every row is there; a flagged one is NaN, says why, and its bits are explained.
    flag = np.asarray(table["FLAG"])
    assert (flag != 0).any() and (flag == 0).any()
    bits = {int(k[4:]) for k in main if re.fullmatch(r"FLAG\d+", k)}
    assert all(sum(b for b in bits if b & f) == f for f in flag)
    for name, image in images.items():
        assert image.shape == (len(table), len(grid)), name
    for i, row in enumerate(table):
        assert bool(row["REASON"]) == (flag[i] != 0)
        assert np.isfinite(images["RESTORED"][i]).all() == (flag[i] == 0)
        good = images["IVAR"][i] > 0
        assert good.any() == (flag[i] == 0) == np.isfinite(row["SNR"])
        if flag[i] == 0:
            snr = (images["OBSERVED"][i] * np.sqrt(images["IVAR"][i]))[good]
            assert abs(np.median(snr) / row["SNR"] - 1) < 1e-5
            assert np.isfinite(images["OBSERVED"][i]).all()
    check_lines(path, table, flux, grid, uncertain=main["UNCERT"] != "none")
    check_draws(draws, images, table, sde)
    return images, table, grid


def check_lines(path, table, flux, grid, uncertain):
    """Units, comments, NaN where there is no line, errors where there are several draws."""
    header = fits.getheader(path, "CATALOG")
    comments = {header[k]: header.comments[k] for k in header if re.fullmatch(r"TTYPE\d+", k)}
    flagged = np.asarray(table["FLAG"]) != 0
    for key, rest in LINES.items():
        for quantity in QUANTITIES:
            name = f"{key}_{quantity}"
            value, error = table[name], table[name + "_ERR"]
            unit = flux if quantity == "PEAK" else u.Angstrom
            assert value.unit == error.unit == unit, name
            assert np.isnan(value[flagged]).all() and np.isnan(error[flagged]).all(), name
            known = np.isfinite(value)
            if uncertain:
                assert (error[known] >= 0).all(), name
            else:
                assert np.isnan(error).all(), name
            assert "standard deviation" in comments[name + "_ERR"]
        assert "rest frame, positive" in comments[f"{key}_EW"]
        assert "observed frame" in comments[f"{key}_CENTROID"]
        # The line's window, ±2.5 % about it, is nowhere wider.
        centroid = table[f"{key}_CENTROID"].quantity.to_value("Angstrom") / (1 + table["Z"])
        known = np.isfinite(centroid)
        assert (abs(centroid[known] / rest - 1) < 0.025).all(), key
        outside = rest * (1 + table["Z"]) > grid.to_value("Angstrom")[-1]
        assert np.isnan(table[f"{key}_PEAK"][outside]).all(), key


def check_draws(draws, images, table, sde):
    """Their mean and deviation are the images; the first is DRAW."""
    if draws is None:
        return
    assert sde and draws["data"].shape[1:] == images["RESTORED"].shape
    data, header = draws["data"], draws["header"]
    assert header["CTYPE3"] == "DRAW" and header["BUNIT"] == draws["unit"]
    good = np.asarray(table["FLAG"]) == 0
    assert np.isnan(data[:, ~good]).all()
    data = data[:, good].astype(float)
    np.testing.assert_array_equal(data[0], images["DRAW"][good])
    for found, name in ((data.mean(0), "RESTORED"), (data.std(0, ddof=1), "SIGMA")):
        np.testing.assert_allclose(found, images[name][good], rtol=1e-4, atol=1e-4)


def check_spectra(folder, images, table, grid, method):
    """specutils finds the loader by itself and reads what the catalog holds."""
    files = sorted(folder.rglob("*"))
    files = [f for f in files if f.is_file()]
    good = [i for i, f in enumerate(table["FLAG"]) if f == 0]
    assert len(files) == len(good)
    from astropy.io import registry

    for i in good:
        row = table[i]
        name = f"spec-{row['PLATE']:04d}-{row['MJD']:05d}-{row['FIBERID']:04d}.fits"
        path = folder / f"{row['PLATE']:04d}" / name
        formats = registry.identify_format("read", Spectrum, path, None, [str(path)], {})
        assert formats == ["SDSS-III/IV spec"], formats
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            spectrum = Spectrum.read(path)
        np.testing.assert_array_equal(spectrum.flux.value, images["RESTORED"][i])
        assert spectrum.flux.unit == table["NORM"].unit
        np.testing.assert_allclose(
            spectrum.spectral_axis.to_value("Angstrom"), grid.to_value("Angstrom"), rtol=1e-9
        )
        np.testing.assert_array_equal(spectrum.mask, images["IVAR"][i] == 0)
        ivar = spectrum.uncertainty.array
        if method == "sde":
            np.testing.assert_allclose(ivar, images["SIGMA"][i] ** -2.0, rtol=1e-5)
        else:
            assert (ivar == 0).all()
        with fits.open(path) as hdus:
            header = hdus[0].header
            check_provenance(header)
            assert header["SPECSYS"] == "HELIOCEN" and header["VACUUM"] is True
            assert header["NAME"] == row["NAME"]
            assert hdus["SPECOBJ"].data["Z"][0] == row["Z"]
            assert hdus["COADD"].columns["ivar"].unit is not None
            coadd = hdus["COADD"].data
            np.testing.assert_array_equal(coadd["obs_flux"], images["OBSERVED"][i])
            np.testing.assert_array_equal(coadd["obs_ivar"], images["IVAR"][i])
            if method == "sde":
                np.testing.assert_array_equal(coadd["draw"], images["DRAW"][i])
    # A few files stand for all, which are written alike.
    return files[:3]


def main():
    summed = []
    for path in map(Path, sys.argv[1:]):
        if path.is_dir():
            summed += check_spectra(path, images, table, grid, method)
        else:
            images, table, grid = check_catalog(path)
            method = fits.getheader(path)["METHOD"]
            summed.append(path)
    check_sums(summed)


if __name__ == "__main__":
    main()
