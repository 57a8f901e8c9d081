"""Images, audits, prepared sets, generated samples, truth, metrics; and files that are something else."""

import json
import unittest

import astropy.units as u
import h5py
import numpy as np
from astropy.io import fits
from files import FILES, SDE, SURVEY

import selfsi


class OtherFiles(unittest.TestCase):
    def test_images_are_the_same_from_fits_and_hdf5(self):
        with selfsi.open(FILES / "images.fits") as a, selfsi.open(FILES / "images.h5") as b:
            self.assertIsInstance(a, selfsi.Images)
            self.assertEqual(a.images, ("RESTORED", "SIGMA", "DRAW", "OBSERVED", "IVAR", "DRAWS"))
            self.assertEqual(set(a.images), set(b.images))
            self.assertEqual((a.unit, a.header["METHOD"]), (u.nJy, "sde"))
            self.assertEqual((b.unit, b.header["METHOD"]), (u.nJy, "sde"))
            for one, other in zip(a, b):
                for x, y in ((one.data, other.data), (one.uncertainty.array, other.uncertainty.array)):
                    np.testing.assert_array_equal(x, y)
                np.testing.assert_array_equal(one.mask, other.mask)
            self.assertEqual(list(a.table["NAME"]), list(b.table["NAME"]))
            self.assertEqual(a["galaxy 1"].data.shape, (3, 8, 8))
            observed = a.picture("galaxy 2", image="OBSERVED")
            np.testing.assert_array_equal(observed.mask, ~(observed.uncertainty.array > 0))
            self.assertTrue(a["galaxy 3"].mask.all(), "the image without a good pixel is flagged")
            draws = a.draws("galaxy 1")
            self.assertEqual(draws.data.shape, (a.header["NDRAWS"], 3, 8, 8))
            np.testing.assert_array_equal(draws.data, b.draws("galaxy 1").data)
            np.testing.assert_array_equal(draws.data[0], a.picture("galaxy 1", image="DRAW").data)
            for name in ("DRAWS", "SIGMA", "IVAR"):
                with self.assertRaisesRegex(selfsi.Error, "no image of its own"):
                    a.picture(1, image=name)
            history = "".join(b.header["HISTORY"])
            self.assertEqual(history, "".join(a.header["HISTORY"]))

    def test_an_audit_has_a_row_for_each_row_and_features_that_point_to_them(self):
        found = selfsi.audited(FILES / "sde.audit.fits")
        with selfsi.open(SDE) as cat:
            self.assertEqual(list(found.table["NAME"]), list(cat.table["NAME"]))
        for feature in found.features:
            self.assertEqual(found.table["NAME"][feature["ROW"]], feature["NAME"])
        self.assertEqual(found.header["ALPHA"], 0.002)

    def test_generated_spectra_in_hdf5(self):
        with selfsi.open(FILES / "generated.h5") as samples:
            self.assertEqual((len(samples), samples.images), (5, ("GENERATED",)))
            self.assertEqual(samples["GEN-000002"].flux.unit, u.dimensionless_unscaled)
            self.assertEqual(len(samples.wavelength), 64)

    def test_a_prepared_set_gives_back_physical_flux(self):
        with selfsi.prepared(SURVEY / "set.h5") as set_, h5py.File(SURVEY / "set.h5") as file:
            self.assertEqual(len(set_), 40)
            row = int(np.flatnonzero(set_.table["FLAG"] == 0)[0])
            spectrum = set_[str(set_.table["NAME"][row])]
            norm = file["norm"][row]
            np.testing.assert_allclose(spectrum.flux.value, file["flux"][row] * norm, rtol=1e-6)
            np.testing.assert_allclose(spectrum.uncertainty.array, file["ivar"][row] / norm**2, rtol=1e-6)
            self.assertEqual(spectrum.flux.unit, u.Unit("1e-17 erg / (Angstrom s cm2)"))
            self.assertIn("[grid]", set_.config)
            self.assertEqual(set_.array("ivar").shape, (40, 64))

    def test_truth_comes_in_the_order_asked_for(self):
        truth = selfsi.truth(SURVEY / "mock/truth.h5")
        names = [str(truth.names[i]) for i in (7, 2, 7)]
        with h5py.File(truth.path) as file:
            np.testing.assert_array_equal(truth.flux(names).value, file["flux"][:][[7, 2, 7]])
        self.assertEqual(truth.flux().shape, (40, len(truth.wavelength)))
        self.assertEqual(truth.unit, u.Unit("1e-17 erg / (Angstrom s cm2)"))
        with self.assertRaisesRegex(KeyError, "no object of the name nobody"):
            truth.flux(["nobody"])

    def test_metrics_are_what_the_run_logged(self):
        table = selfsi.metrics(SURVEY / "run-sde")
        lines = [json.loads(l) for l in (SURVEY / "run-sde/metrics.jsonl").read_text().splitlines()]
        self.assertEqual(list(table["step"]), [l["step"] for l in lines])
        for row, line in zip(table, lines):
            self.assertEqual(row["loss"] is np.ma.masked, "loss" not in line)
            if "validation" in line:
                self.assertEqual(row["validation.score"], line["validation"]["score"])
                np.testing.assert_array_equal(row["validation.power_ratio"], line["validation"]["power_ratio"])
        with self.assertRaisesRegex(selfsi.Error, "give a run folder"):
            selfsi.metrics(SURVEY)

    def test_what_another_function_opens_is_named(self):
        for file, how in (
            (FILES / "sde.audit.fits", "selfsi.audited"),
            (SURVEY / "set.h5", "selfsi.prepared"),
            (SURVEY / "mock/truth.h5", "selfsi.truth"),
        ):
            with self.assertRaisesRegex(selfsi.Error, f"open it with {how}"):
                selfsi.open(file)
        for wrong, why in (
            (selfsi.audited, "no tables AUDIT"),
            (selfsi.prepared, "not an HDF5 file"),
            (selfsi.truth, "not an HDF5 file"),
        ):
            with self.assertRaisesRegex(selfsi.Error, why):
                wrong(SDE)

    def test_a_file_of_something_else_or_of_a_newer_selfsi_is_refused_in_one_line(self):
        other = FILES / "other.txt"
        other.write_text("nothing")
        plain = FILES / "plain.fits"
        fits.PrimaryHDU(np.zeros((2, 2))).writeto(plain, overwrite=True)
        newer = FILES / "newer.fits"
        with fits.open(SDE) as hdus:
            hdus[0].header["FMTVER"] = "3.0"
            hdus.writeto(newer, overwrite=True)
        for path, why in (
            (other, "neither FITS nor HDF5"),
            (plain, "neither RESTORED nor GENERATED"),
            (newer, "use a newer selfsi"),
            (FILES, "a folder"),
        ):
            with self.assertRaisesRegex(selfsi.Error, why) as caught:
                selfsi.open(path)
            self.assertNotIn("\n", str(caught.exception))
            self.assertIn(str(path), str(caught.exception))
        set_ = FILES / "newer.h5"
        with h5py.File(set_, "w") as file:
            file.attrs.update({"format": "selfsi-prepared", "version": 3})
        with self.assertRaisesRegex(selfsi.Error, "version 3 of selfsi-prepared"):
            selfsi.prepared(set_)
        for absent in (selfsi.open, selfsi.prepared, selfsi.truth, selfsi.audited):
            with self.assertRaises(FileNotFoundError):
                absent(FILES / "absent.fits")
