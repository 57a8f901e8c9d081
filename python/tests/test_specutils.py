"""What specutils and jdaviz make of a restored catalog."""

import importlib.util
import subprocess
import sys
import unittest

import numpy as np
from astropy.io import fits, registry
from files import FILES, ODE, SDE
from specutils import Spectrum, SpectrumList

import selfsi


class Loader(unittest.TestCase):
    def test_a_restored_catalog_is_recognised_and_nothing_else_is(self):
        def formats(path):
            with open(path, "rb") as file:
                return registry.identify_format("read", Spectrum, str(path), file, [str(path)], {})

        self.assertIn("selfsi restored", formats(SDE))
        for other in ("images.fits", "sde.audit.fits"):
            self.assertNotIn("selfsi restored", formats(FILES / other))

    def test_all_rows_are_one_spectrum(self):
        with selfsi.open(SDE) as cat:
            spectrum = Spectrum.read(SDE)
            np.testing.assert_array_equal(spectrum.flux.value, cat.array("RESTORED"))
            np.testing.assert_array_equal(spectrum.uncertainty.array, cat.array("SIGMA"))
            np.testing.assert_array_equal(spectrum.mask.all(axis=1), cat.flag != 0)
            self.assertEqual(spectrum.flux.unit, cat.unit)
            draw = Spectrum.read(str(SDE), image="DRAW", format="selfsi restored")
            np.testing.assert_array_equal(draw.flux.value, cat.array("DRAW"))
        self.assertIsNone(Spectrum.read(ODE).uncertainty)

    def test_one_row_by_number_or_name(self):
        with selfsi.open(SDE) as cat:
            row = int(np.flatnonzero(cat.flag == 0)[0])
            for key in (row, str(cat.table["NAME"][row])):
                spectrum = Spectrum.read(SDE, row=key)
                np.testing.assert_array_equal(spectrum.flux, cat[row].flux)
            self.assertEqual(len(SpectrumList.read(SDE)), np.count_nonzero(cat.flag == 0))

    def test_open_hdus_and_files_serve_as_paths_do(self):
        with fits.open(SDE) as hdus:
            whole = Spectrum.read(hdus, format="selfsi restored")
        with open(SDE, "rb") as file:
            again = Spectrum.read(file, format="selfsi restored")
        np.testing.assert_array_equal(whole.flux, again.flux)

    def test_it_does_not_matter_which_is_imported_first(self):
        read = f"from specutils import Spectrum; Spectrum.read({str(SDE)!r})"
        for first in ("import selfsi, specutils", "import specutils, selfsi"):
            subprocess.run([sys.executable, "-c", f"{first}; {read}"], check=True)


@unittest.skipUnless(importlib.util.find_spec("jdaviz"), "jdaviz is not installed")
class Jdaviz(unittest.TestCase):
    def test_specviz_opens_spectra(self):
        from jdaviz import Specviz

        specviz = Specviz()
        with selfsi.open(SDE) as cat:
            spectra = cat.spectra(rows=[int(r) for r in np.flatnonzero(cat.flag == 0)[:2]])
            specviz.load(spectra, format="1D Spectrum", extension="*")
            specviz.load(spectra[0], format="1D Spectrum", data_label="one")
        self.assertEqual(len(specviz.app.data_collection), len(spectra) + 1)
        np.testing.assert_array_equal(specviz.get_data("one").flux, spectra[0].flux)
