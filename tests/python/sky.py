"""Makes FITS cutouts with world coordinates of several kinds, and checks what selfsi tells of them."""

import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

SHAPES = {"large": (12, 17), "small": (8, 8)}  # folders of files, and their shapes
COUNT = 4


def header(kind: int) -> fits.Header:
    """TAN with CD, TAN-SIP with PC and CDELT, ZPN with PV, TPV; each elsewhere."""
    h = fits.Header()
    proj = ["TAN", "TAN-SIP", "ZPN", "TPV"][kind]
    h["CTYPE1"], h["CTYPE2"] = f"RA---{proj}", f"DEC--{proj}"
    h["CRVAL1"], h["CRVAL2"] = 150.1 + 1 / 3 + kind, -2.2 + 20 * kind
    h["CRPIX1"], h["CRPIX2"] = 7.25, 5.5 - 3 * kind
    h["CUNIT1"] = h["CUNIT2"] = "deg"
    h["RADESYS"], h["EQUINOX"], h["LONPOLE"] = "FK5", 2000.0, 180.0
    scale = 7.3e-5
    turn = np.array([[-0.8, 0.6], [0.6, 0.8]])
    for i in range(2):
        for j in range(2):
            if kind == 1:
                h[f"PC{i + 1}_{j + 1}"] = turn[i, j]
            else:
                h[f"CD{i + 1}_{j + 1}"] = turn[i, j] * scale
        if kind == 1:
            h[f"CDELT{i + 1}"] = scale
    if kind == 1:
        h["A_ORDER"], h["B_ORDER"] = 2, 3
        h["A_2_0"], h["A_0_2"], h["B_1_1"], h["B_0_3"] = 2e-4, -1e-4, 3e-4, 1e-5
    if kind == 2:
        h["PV2_1"], h["PV2_3"] = 1.0, 12.0
    if kind == 3:
        h["PV1_0"], h["PV1_1"], h["PV2_1"], h["PV1_4"] = 1e-5, 1.01, 0.99, 0.3
    h["RA"], h["DEC"] = h["CRVAL1"], h["CRVAL2"]
    h["BUNIT"], h["FILTER"] = "nJy", "HSC-R"
    return h


def make(folder: Path) -> None:
    rng = np.random.default_rng(1)
    for name, kind in [(name, kind) for name in SHAPES for kind in range(COUNT)]:
        (folder / name).mkdir(exist_ok=True)
        h = header(kind)
        data = rng.normal(size=SHAPES[name]).astype("f4")
        if kind == 2:  # keys in the primary header, the image elsewhere
            hdus = [fits.PrimaryHDU(header=h), fits.ImageHDU(data, name="SCI")]
        else:
            hdus = [fits.PrimaryHDU(), fits.ImageHDU(data, header=h, name="SCI")]
        fits.HDUList(hdus).writeto(folder / name / f"image-{kind}.fits")


def told(folder: Path, x0: float, y0: float, factor: float) -> None:
    """Pixel (x, y) of selfsi's grid is (x + 1/2)/factor − 1/2 + (x0, y0) of the file's."""
    x, y = np.meshgrid(np.arange(0.0, 9, 2), np.arange(-1.0, 12, 3))
    for kind in range(COUNT):
        text = (folder / f"image-{kind}.hdr").read_text()
        assert len(text) % 80 == 0
        ours, theirs = WCS(fits.Header.fromstring(text)), WCS(header(kind))
        found = ours.pixel_to_world(x, y)
        expected = theirs.pixel_to_world((x + 0.5) / factor - 0.5 + x0, (y + 0.5) / factor - 0.5 + y0)
        assert found.frame.name == "fk5"
        apart = found.separation(expected).deg.max()
        assert apart < 1e-9, (kind, apart)


def restored(path: Path) -> None:
    """What an astronomer does with a restored file."""
    import h5py
    from astropy.table import Table

    if path.suffix == ".h5":
        with h5py.File(path) as f:
            table = {k: f[k.lower()][:] for k in ("WCS", "RA", "DEC")}
            texts = [t.decode() for t in table["WCS"]]
            assert f.attrs["filter1"] == "HSC-R" and f.attrs["pixunit"] == "nJy"
    else:
        table = Table.read(path, "CATALOG")
        texts = list(table["WCS"])
        keys = fits.getheader(path)
        assert keys["FILTER1"] == "HSC-R" and keys["PIXUNIT"] == "nJy"
    for kind in range(COUNT):
        ours, theirs = WCS(texts[kind]), WCS(header(kind))
        apart = ours.pixel_to_world(4.0, 6.0).separation(theirs.pixel_to_world(4.0, 6.0)).deg
        assert apart < 1e-9, (kind, apart)
        assert table["RA"][kind] == header(kind)["RA"] and table["DEC"][kind] == header(kind)["DEC"]


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "make":
        make(folder)
    else:
        told(folder / "whole", 0, 0, 1)
        told(folder / "cut", 4, 2, 1)  # the middle 8 × 8 of 12 × 17 pixels
        told(folder / "fine", 0, 0, 2)
        restored(folder / "restored.fits")
        restored(folder / "restored.h5")
