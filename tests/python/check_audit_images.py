"""Checks the tables of `selfsi audit` of images with astropy.

    check_audit_images.py AUDIT.fits
"""

import sys

import astropy.units as u
from astropy.io import fits
from astropy.table import Table

(audit,) = sys.argv[1:]
with fits.open(audit, checksum=True) as hdus:
    assert [h.name for h in hdus] == ["PRIMARY", "AUDIT", "FEATURES"]
    for hdu in hdus:
        hdu.verify("exception")
    header = hdus[0].header
    assert header["CONTENT"] == "images" and header["FORMAT"] == "selfsi-audit"

rows, features = Table.read(audit, hdu="AUDIT"), Table.read(audit, hdu="FEATURES")
assert "LOCAL_WAVE" not in rows.colnames and "Z" not in rows.colnames
assert rows["LOCAL_X"].unit == u.pix
assert features["HEIGHT"].unit == u.nJy
for axis in "XY":
    low, at, high = (features[axis + end] for end in ("_MIN", "", "_MAX"))
    assert ((1 <= low) & (low <= at) & (at <= high) & (high <= 8)).all()
assert (features["PIXELS"] <= 32).all() and (features["PIXELS"] > 0).all()
assert (rows["NAME"][features["ROW"] - 1] == features["NAME"]).all()
