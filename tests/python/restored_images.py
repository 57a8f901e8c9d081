"""Checks a file of restored images in both formats with astropy and h5py: valid, and the same.

    restored_images.py RESTORED.fits RESTORED.h5

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


def main(fits_path, h5_path):
    check_sums(fits_path)
    table = Table.read(fits_path, hdu="CATALOG", mask_invalid=False)
    with fits.open(fits_path) as hdus, h5py.File(h5_path) as h5:
        header = hdus[0].header
        # The header, key by key.
        for key in header:
            if key in STRUCTURE or key == "HISTORY":
                continue
            other = h5.attrs[key.lower()]
            assert other == header[key], (key, other, header[key])
        assert h5.attrs["history"] == "\n".join(header["HISTORY"])
        assert header["CREATOR"].startswith("selfsi ") and header["CONTENT"] == "images"

        # Images and table, name by name; nothing else is in either file.
        images = {h.name: h for h in hdus if isinstance(h, fits.ImageHDU)}
        columns = [c for c in table.colnames]
        assert set(h5) == {n.lower() for n in [*images, *columns]}, list(h5)
        sde = header["METHOD"] == "sde"
        assert ("SIGMA" in images) == (sde and header["NDRAWS"] > 1)
        assert ("SIGMA_PRIOR" in images) == (header.get("PRIOR") == "SIGMA_PRIOR")
        assert ("DRAW" in images) == sde
        assert ("IVAR" in images) == (header["NOISE"] == "known")
        unit = u.Unit(header["PIXUNIT"], format="fits")
        shape = images["RESTORED"].data.shape
        channels = len([k for k in header if k.startswith("MEAN")])
        assert len(shape) == (3 if channels == 1 else 4) and shape[0] == len(table)
        assert images["RESTORED"].header["NAXIS1"] == shape[-1]
        assert ("DRAWS" in images) == (header.get("DRAWS") == "saved")
        for name, hdu in images.items():
            data = h5[name.lower()]
            axes = (header["NDRAWS"], *shape) if name == "DRAWS" else shape
            assert hdu.data.shape == data.shape == axes and data.dtype == np.float32
            np.testing.assert_array_equal(hdu.data, data[:])
            written = u.Unit(hdu.header.get("BUNIT", ""), format="fits")
            assert written == (unit**-2 if name == "IVAR" else unit), name
            assert u.Unit(data.attrs["bunit"], format="fits") == written
        for name in columns:
            theirs = h5[name.lower()][:]
            if table[name].dtype.kind in "SU":
                assert text(table[name]) == text(theirs), name
            else:
                np.testing.assert_array_equal(np.asarray(table[name]), theirs)

        # Every row is there; a flagged one is NaN and says why.
        flag = np.asarray(table["FLAG"])
        assert (flag != 0).any() and (flag == 0).any()
        for i, row in enumerate(table):
            assert bool(row["REASON"]) == (flag[i] != 0)
            assert np.isfinite(images["RESTORED"].data[i]).all() == (flag[i] == 0)
        if "DRAWS" in images:
            np.testing.assert_array_equal(images["DRAWS"].data[0], images["DRAW"].data)
        if "IVAR" in images:
            masked = np.isnan(images["OBSERVED"].data)
            np.testing.assert_array_equal(masked, images["IVAR"].data == 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
