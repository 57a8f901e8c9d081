"""A restored catalog, beside what astropy reads from the same file."""

import unittest

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.nddata import InverseVariance, StdDevUncertainty
from astropy.table import QTable, Table
from files import ODE, SDE
from specutils import Spectrum

import selfsi


class OfDraws(unittest.TestCase):
    """An SDE's: draws, quantiles, uncertainty."""

    def setUp(self):
        self.cat = selfsi.open(SDE)
        self.hdus = fits.open(SDE)
        self.addCleanup(self.hdus.close)
        self.addCleanup(self.cat.close)
        flag = self.hdus["CATALOG"].data["FLAG"]
        self.good, self.bad = np.flatnonzero(flag == 0), np.flatnonzero(flag != 0)
        assert len(self.good) and len(self.bad)

    def test_it_tells_what_the_file_tells(self):
        self.assertIsInstance(self.cat, selfsi.Catalog)
        self.assertEqual(len(self.cat), len(self.hdus["CATALOG"].data))
        self.assertEqual(self.cat.header["METHOD"], "sde")
        self.assertIn("restored by run", "".join(self.cat.header["HISTORY"]))
        self.assertEqual(self.cat.unit, u.Unit(self.hdus[0].header["FLUXUNIT"]))
        expected = self.hdus["WAVELENGTH"].data["WAVELENGTH"] * u.AA
        self.assertTrue((self.cat.wavelength == expected).all())
        names = ("RESTORED", "SIGMA", "DRAW", "Q16", "Q84", "OBSERVED", "IVAR", "DRAWS")
        self.assertEqual(self.cat.images, names)

    def test_what_was_measured_on_flagged_rows_is_masked_and_who_they_are_is_not(self):
        table = self.cat.table
        self.assertIsInstance(table, Table)
        for name in ("NORM", "SNR", "CIV_PEAK", "CIV_EW_ERR"):
            self.assertTrue(table[name].mask[self.bad].all(), name)
        for name in ("NAME", "REASON", "FLAG", "SOURCE"):
            self.assertFalse(table[name].mask[self.bad].any(), name)
        self.assertTrue(all(table["REASON"][self.bad]))
        self.assertEqual(table["NORM"].unit, self.cat.unit)
        self.assertTrue(np.isfinite(table["NORM"][self.good]).all())

    def test_a_row_is_a_spectrum_with_the_scatter_of_its_draws(self):
        row = int(self.good[1])
        spectrum = self.cat[row]
        self.assertIsInstance(spectrum, Spectrum)
        np.testing.assert_array_equal(spectrum.flux.value, self.hdus["RESTORED"].data[row])
        self.assertEqual(spectrum.flux.unit, self.cat.unit)
        self.assertIsInstance(spectrum.uncertainty, StdDevUncertainty)
        np.testing.assert_array_equal(spectrum.uncertainty.array, self.hdus["SIGMA"].data[row])
        np.testing.assert_allclose(spectrum.spectral_axis.value, self.cat.wavelength.value, rtol=1e-14)
        self.assertFalse(spectrum.mask.any())
        name = self.cat.table["NAME"][row]
        self.assertEqual((spectrum.meta["name"], spectrum.meta["row"], spectrum.meta["flag"]), (name, row, 0))
        self.assertAlmostEqual(float(spectrum.redshift), self.cat.table["Z"][row], places=12)
        # In the machine's own order of bytes: numba and torch take no other.
        self.assertTrue(spectrum.flux.dtype.isnative)

    def test_a_row_is_found_by_its_number_from_either_end_and_by_both_names(self):
        n = len(self.cat)
        for row in (0, n - 1):
            names = {str(self.cat.table[c][row]) for c in ("NAME", "SDSS_NAME")}
            for key in {row, row - n, np.int64(row), *names}:
                self.assertEqual(self.cat.index(key), row, key)
        with self.assertRaises(IndexError):
            self.cat[n]
        name = str(self.cat.table["NAME"][0])
        with self.assertRaisesRegex(KeyError, f"did you mean {name[:-1]}"):
            self.cat[name + "9"]
        for wrong in (slice(0, 2), [1, 2], True, 1.0):
            with self.assertRaisesRegex(TypeError, "a number or a name"):
                self.cat[wrong]

    def test_every_image_of_spectra_can_be_asked_for_and_no_other(self):
        row = int(self.good[0])
        for name in ("RESTORED", "DRAW", "Q16", "Q84", "OBSERVED", "draw"):
            flux = self.cat.spectrum(row, image=name).flux.value
            np.testing.assert_array_equal(flux, self.hdus[name].data[row])
        observed = self.cat.spectrum(row, image="OBSERVED")
        self.assertIsInstance(observed.uncertainty, InverseVariance)
        ivar = self.hdus["IVAR"].data[row]
        np.testing.assert_array_equal(observed.uncertainty.array, ivar)
        np.testing.assert_array_equal(observed.mask, ivar == 0)
        self.assertIsNone(self.cat.spectrum(row, image="DRAW").uncertainty)
        for name in ("SIGMA", "IVAR", "DRAWS"):
            with self.assertRaisesRegex(selfsi.Error, "is no spectrum"):
                self.cat.spectrum(row, image=name)
        with self.assertRaisesRegex(selfsi.Error, "no image Q50; the file has RESTORED, SIGMA"):
            self.cat.spectrum(row, image="Q50")

    def test_draws_have_the_mean_and_the_deviation_of_the_spectrum(self):
        row = int(self.good[0])
        draws = self.cat.draws(row).flux.value.astype(float)
        self.assertEqual(draws.shape, (self.cat.header["NDRAWS"], len(self.cat.wavelength)))
        spectrum = self.cat[row]
        np.testing.assert_allclose(draws.mean(0), spectrum.flux.value, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(draws.std(0, ddof=1), spectrum.uncertainty.array, rtol=1e-4, atol=1e-4)

    def test_a_flagged_row_is_masked_throughout(self):
        spectrum = self.cat[int(self.bad[0])]
        self.assertTrue(np.isnan(spectrum.flux.value).all() and spectrum.mask.all())
        self.assertTrue(spectrum.meta["reason"])

    def test_spectra_are_chosen_by_flag_or_by_row(self):
        rows = lambda spectra: [s.meta["row"] for s in spectra]
        self.assertEqual(rows(self.cat.spectra()), list(self.good))
        self.assertEqual(rows(self.cat.spectra(flag=None)), list(range(len(self.cat))))
        flag = int(self.cat.flag[self.bad[0]])
        self.assertEqual(rows(self.cat.spectra(flag=flag)), list(np.flatnonzero(self.cat.flag == flag)))
        chosen = [int(self.good[1]), str(self.cat.table["NAME"][self.good[0]])]
        self.assertEqual(rows(self.cat.spectra(rows=chosen, image="DRAW")), [self.good[1], self.good[0]])
        self.assertEqual(rows(self.cat), list(range(len(self.cat))))

    def test_lines_have_units_and_errors_and_nan_where_there_is_none(self):
        self.assertEqual(self.cat.line_names, ("LYA", "NV", "SIIV", "CIV", "CIII", "MGII", "HB", "OIII"))
        lines = self.cat.lines("CIV")
        self.assertIsInstance(lines, QTable)
        self.assertEqual(lines.colnames[3:], ["PEAK", "PEAK_ERR", "CENTROID", "CENTROID_ERR", "EW", "EW_ERR"])
        self.assertEqual((lines["PEAK"].unit, lines["EW_ERR"].unit), (self.cat.unit, u.AA))
        raw = self.hdus["CATALOG"].data["CIV_CENTROID"]
        np.testing.assert_array_equal(lines["CENTROID"].value, raw)
        self.assertTrue(np.isnan(lines["PEAK"][self.bad]).all())
        for same in ("C IV", "civ"):
            np.testing.assert_array_equal(self.cat.lines(same)["EW"], lines["EW"])
        with self.assertRaisesRegex(KeyError, "no line HA; the catalog has LYA"):
            self.cat.lines("HA")

    def test_images_are_mapped_not_read(self):
        image = self.cat.array("RESTORED")
        self.assertIsNotNone(image.base)
        self.assertEqual(image.shape, (len(self.cat), len(self.cat.wavelength)))
        self.cat.close()
        with selfsi.open(SDE) as cat:
            self.assertIn("RESTORED", repr(cat))


class OfAnOde(unittest.TestCase):
    """No uncertainty is made up."""

    def test_there_is_none(self):
        with selfsi.open(str(ODE)) as cat:
            good = int(np.flatnonzero(cat.flag == 0)[0])
            self.assertIsNone(cat[good].uncertainty)
            self.assertTrue(np.isnan(cat.lines("CIV")["PEAK_ERR"]).all())
            with self.assertRaisesRegex(selfsi.Error, "no image DRAWS; .*--save-draws"):
                cat.draws(good)
