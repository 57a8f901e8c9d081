"""Checks a restored catalog on a grid of the rest frame with astropy, and with the package selfsi.

    check_rest.py RESTORED.fits
"""

import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

sys.path.insert(0, str(Path(__file__).parents[2] / "python"))
import selfsi  # noqa: E402


def main(path):
    with fits.open(path, checksum=True) as hdus:
        main = hdus[0].header
        assert main["FRAME"] == "rest" and main["WAVEREF"] == "vacuum, rest frame"
        assert main["FMTVER"].split(".")[0] == "2"
        header = hdus["RESTORED"].header
        assert header["SPECSYS"] == "SOURCE"
        world = WCS(header).spectral.pixel_to_world(np.arange(header["NAXIS1"]))
        table = Table(hdus["CATALOG"].data)
        grid = hdus["WAVELENGTH"].data["WAVELENGTH"]
        np.testing.assert_allclose(world.to_value("Angstrom"), grid, rtol=1e-9)
    good = table["FLAG"] == 0
    # Half a pixel of the survey.
    off = np.log10((1 + table["Z"][good]) / (1 + table["Z_GRID"][good]))
    assert abs(off).max() <= 0.5001e-4 and abs(off).max() > 0.1e-4
    with selfsi.open(path) as cat:
        assert cat.frame == "rest"
        np.testing.assert_allclose(cat.wavelength.to_value("Angstrom"), grid)
        row = int(np.flatnonzero(good)[3])
        observed = cat.observed_wavelength(row).to_value("Angstrom")
        np.testing.assert_allclose(observed, grid * (1 + table["Z_GRID"][row]))
        spectrum = cat[row]
        # specutils knows a spectrum by where it was observed, and its redshift.
        np.testing.assert_allclose(spectrum.spectral_axis.to_value("Angstrom"), observed)
        assert abs(spectrum.redshift.value - table["Z"][row]) < 1e-12


main(sys.argv[1])
