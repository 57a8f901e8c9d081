"""Checks the tables of `selfsi audit` with astropy.

    check_audit.py AUDIT.fits RESTORED.fits

Exits with 0 if everything holds, else with the first assertion that does not.
"""

import sys

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table

audit, restored = sys.argv[1:]
with fits.open(audit, checksum=True) as hdus:
    assert [h.name for h in hdus] == ["PRIMARY", "AUDIT", "FEATURES"]
    for hdu in hdus:
        assert "CHECKSUM" in hdu.header and "DATASUM" in hdu.header, hdu.name
        hdu.verify("exception")
    header = hdus[0].header
    original = fits.getheader(restored)
    for key in ("CFGSHA", "RUNSHA", "METHOD", "NDRAWS", "SEED"):
        assert header[key] == original[key], key
    assert header["ALPHA"] == 0.002 and header["NSIM"] == 300 and header["NSTAT"] == 5
    assert header["AUDIT4"] == "LOCAL"

rows = Table.read(audit, hdu="AUDIT")
catalog = Table.read(restored, hdu="CATALOG")
assert list(rows["NAME"]) == list(catalog["NAME"])
z = [fits.getdata(f, t)["Z"] for f, t in ((audit, "AUDIT"), (restored, "CATALOG"))]
assert np.array_equal(*z, equal_nan=True)
assert rows["LOCAL_WAVE"].unit == u.AA

good = catalog["FLAG"] == 0
assert ((rows["FLAG"] & 1 == 1) == ~good).all()
assert (~good).sum() == 1
assert rows["REASON"][~good][0] == "not restored: too little signal"
observed = fits.getdata(restored, "OBSERVED")
ivar = fits.getdata(restored, "IVAR")
assert (rows["DOF"][good] == (ivar > 0).sum(1)[good]).all()
for name in ("CHI2_P", "LOCAL_P", "DRAW_CHI2_P", "DRAW_LOCAL_P"):
    p = np.array(rows[name][good])
    assert ((p > 0) & (p <= 1)).all(), name

# chi2 is about that of the residual of RESTORED, where the channel hardly smooths.
model = fits.getdata(restored, "RESTORED")
plain = (np.where(ivar > 0, (observed - model) ** 2 * ivar, 0)).sum(1)[good]
correlation = np.corrcoef(plain, rows["CHI2"][good])[0, 1]
assert correlation > 0.7, correlation

features = Table.read(audit, hdu="FEATURES")
assert features["HEIGHT"].unit == u.Unit(fits.getheader(restored, "RESTORED")["BUNIT"])
assert (rows["NAME"][features["ROW"] - 1] == features["NAME"]).all()
assert set(features["VERDICT"]) <= {"SUPPORTED", "UNDECIDED", "CONTRADICTED"}
assert ((features["WAVE_MIN"] <= features["WAVE"]) & (features["WAVE"] <= features["WAVE_MAX"])).all()
counts = rows["N_SUPPORTED"] + rows["N_UNDECIDED"] + rows["N_CONTRADICTED"]
assert counts.sum() == len(features)
