"""Writes images in every format that selfsi reads, with the packages astronomers use.

    images.py FOLDER

Besides the files, FOLDER/manifest.tsv has a line per source: its path, channels, height, width,
number of images, and the largest difference allowed; FOLDER/<path>.expected holds its pixels as
little-endian float32, images one after the other, channel by channel, NaN where missing.
"""

import pickle
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import Table
from PIL import Image

root = Path(sys.argv[1])
rng = np.random.default_rng(3)
manifest = []


def expect(path, images, allowed=0.0):
    """images [N, C, H, W]"""
    n, c, h, w = images.shape
    np.ascontiguousarray(images, "<f4").tofile(root / f"{path}.expected")
    manifest.append(f"{path}\t{c}\t{h}\t{w}\t{n}\t{allowed}\n")


def first(images):
    """[N, H, W, C] to [N, C, H, W]"""
    return np.moveaxis(images, 3, 1)


def folder(name):
    (root / name).mkdir(exist_ok=True)
    return root / name


# CIFAR-10: the binary version, and Python's as Python 2 wrote it (protocol 2, byte strings), which
# data/cifar10.py turns into an array.
def python2_pickle(data, labels):
    n = len(labels)
    out = b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03"
    out += b"U\x06labelsq\x04]q\x05("
    out += b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    out += b"U\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08"
    out += b"K\x00\x85U\x01b\x87Rq\x09(K\x01K" + bytes([n]) + b"M\x00\x0c\x86cnumpy\ndtype\nq\x0a"
    out += b"U\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    out += b"\x89T" + struct.pack("<I", data.size) + data.tobytes() + b"tb"
    out += b"U\x09filenamesq\x0c]q\x0d("
    out += b"".join(b"U\x05a.png" for _ in labels) + b"eu."
    read = pickle.loads(out, encoding="bytes")
    assert (read[b"data"] == data).all() and read[b"labels"] == labels
    return out


batches = []
for b in (1, 2, "test"):
    data = rng.integers(0, 256, (5, 3072), dtype=np.uint8)
    labels = [int(v) for v in rng.integers(0, 10, 5)]
    name = "test_batch" if b == "test" else f"data_batch_{b}"
    records = b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, data))
    (folder("cifar-binary") / f"{name}.bin").write_bytes(records)
    (folder("cifar-python") / name).write_bytes(python2_pickle(data, labels))
    batches.append(data.reshape(5, 3, 32, 32))
training, test = np.concatenate(batches[:2]), batches[2]
expect("cifar-binary", training)
expect("cifar-binary/test_batch.bin", test)
script = Path(__file__).parents[2] / "data/cifar10.py"
pickles = [root / "cifar-python" / f"data_batch_{b}" for b in (1, 2)]
subprocess.run([sys.executable, script, root / "cifar10.npy", *pickles], check=True)
expect("cifar10.npy", training)

# Pictures. Smooth ones for JPEG, whose decoders differ by a grey level or so.
rgb = rng.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
for i, picture in enumerate(rgb):
    Image.fromarray(picture).save(folder("png-rgb") / f"{i}.png")
expect("png-rgb", first(rgb))
grey = rng.integers(0, 256, (3, 6, 5), dtype=np.uint8)
for i, picture in enumerate(grey):
    Image.fromarray(picture).save(folder("png-grey") / f"{i}.png")
expect("png-grey", grey[:, None])
expect("png-grey/1.png", grey[1:2, None])
deep = rng.integers(0, 65536, (3, 6, 5), dtype=np.uint16)
for i, picture in enumerate(deep):
    Image.fromarray(picture).save(folder("png-16") / f"{i}.png")
expect("png-16", deep[:, None])
few = Image.fromarray(rgb[0]).quantize(7)
few.save(folder("png-palette") / "a.png")
expect("png-palette", first(np.array(few.convert("RGB"))[None]))
bits = rng.integers(0, 2, (6, 5)).astype(bool)
Image.fromarray(bits).save(folder("png-bits") / "a.png")
expect("png-bits", 255.0 * bits[None, None])
y, x = np.mgrid[0:32, 0:40]
smooth = np.stack([120 + 80 * np.sin(x / 9 + c) * np.cos(y / 7 - c) for c in range(3)], axis=2)
smooth = smooth.astype(np.uint8)
Image.fromarray(smooth).save(folder("jpeg-rgb") / "a.jpg", quality=95, subsampling=0)
expect("jpeg-rgb", first(np.array(Image.open(root / "jpeg-rgb/a.jpg"))[None]), 3.0)
Image.fromarray(smooth[:, :, 0]).save(folder("jpeg-grey") / "a.jpeg", quality=95)
expect("jpeg-grey", np.array(Image.open(root / "jpeg-grey/a.jpeg"))[None, None], 2.0)
single = rng.normal(size=(2, 6, 5)).astype("f4")
single[1, 2, 3] = np.nan
for i, picture in enumerate(single):
    (folder("fits-folder") / "deeper").mkdir(exist_ok=True)
    fits.writeto(root / f"fits-folder/deeper/{i}.fits", picture)
expect("fits-folder", single[:, None])

# FITS cubes.
cube = rng.normal(size=(4, 6, 5)).astype("f4")
cube[2, 0, 0], cube[3, 5, 4] = np.nan, np.inf
# cfitsio counts what is not finite as undefined.
finite = np.where(np.isfinite(cube), cube, np.nan)[:, None]
fits.writeto(root / "cube.fits", cube)
expect("cube.fits", finite)
fits.writeto(root / "cube-gz.fits.gz", cube)
expect("cube-gz.fits.gz", finite)
channels = rng.normal(size=(4, 3, 6, 5))
extension = fits.ImageHDU(channels, name="SCI")
ivar = fits.ImageHDU(np.ones_like(channels), name="IVAR")
table = fits.BinTableHDU(Table({"NAME": ["a", "b", "c", "d"], "LABEL": [4, 3, 2, 1]}))
fits.HDUList([fits.PrimaryHDU(), extension, ivar, table]).writeto(root / "channels.fits")
expect("channels.fits", channels)
integers = rng.integers(-3000, 3000, (4, 6, 5)).astype("i2")
scaled = 0.5 * integers + 100.0
hdu = fits.PrimaryHDU(integers)
hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.5, 100.0, int(integers[1, 1, 1])
scaled[integers == integers[1, 1, 1]] = np.nan
# Written as it stands: astropy would drop the scaling of data in memory.
header = hdu.header.tostring(sep="", padding=True).encode()
payload = integers.astype(">i2").tobytes()
payload += b"\0" * (-len(payload) % 2880)
(root / "scaled.fits").write_bytes(header + payload)
assert np.array_equal(fits.getdata(root / "scaled.fits"), scaled, equal_nan=True)
expect("scaled.fits", scaled[:, None])
plain = fits.CompImageHDU(integers, compression_type="RICE_1")
fits.HDUList([fits.PrimaryHDU(), plain]).writeto(root / "rice.fits")
expect("rice.fits", integers[:, None])
restored = fits.ImageHDU(channels, name="RESTORED")
fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(0 * channels, name="SIGMA"), restored]).writeto(
    root / "restored.fits"
)
expect("restored.fits", channels)

# HDF5: as Galaxy10 lays it out, and in the other orders.
with h5py.File(root / "galaxy10.h5", "w") as f:
    f["images"], f["ans"] = rgb, np.arange(4, dtype="u1")
expect("galaxy10.h5", first(rgb))
with h5py.File(root / "first.h5", "w") as f:
    f.create_dataset("images", data=channels, chunks=(2, 3, 6, 5), compression="gzip")
    f["ivar"] = np.full((4, 6, 5), 4.0)
    f["id"] = ["J0", "J1", "J2", "J3"]
    f["vector"], f["planes"] = np.arange(8.0).reshape(4, 2), np.ones((4, 1, 6, 5))
expect("first.h5", channels)
with h5py.File(root / "grey.h5", "w") as f:
    f["images"] = cube
expect("grey.h5", cube[:, None])

# npy.
for name, array, images in [
    ("bytes", rgb, first(rgb)),
    ("doubles", channels, channels),
    ("fortran", np.asfortranarray(channels), channels),
    ("fortran-last", np.asfortranarray(np.moveaxis(channels, 1, 3)), channels),
    ("fortran-grey", np.asfortranarray(cube), cube[:, None]),
    ("big-endian", integers.astype(">i2"), integers[:, None]),
    ("unsigned", deep, deep[:, None]),
    ("long", integers.astype("i8"), integers[:, None]),
    ("one", rgb[0], first(rgb[:1])),
    ("one-fortran", np.asfortranarray(rgb[0]), first(rgb[:1])),
]:
    np.save(root / f"{name}.npy", array)
    expect(f"{name}.npy", images)

# What has to be refused, or rejected.
alpha = np.dstack([rgb[0], np.full((6, 5), 200, dtype=np.uint8)])
Image.fromarray(rgb[1]).save(folder("mixed") / "a-good.png")
Image.fromarray(alpha).save(folder("mixed") / "b-alpha.png")
Image.fromarray(rgb[0][:4]).save(folder("mixed") / "c-small.png")
(root / "mixed/d-cut.png").write_bytes((root / "png-rgb/0.png").read_bytes()[:90])
(root / "mixed/e-text.png").write_bytes(b"not a picture")
fits.writeto(root / "mixed/f-cube.fits", channels)
np.save(root / "complex.npy", rgb.astype("c8"))

(root / "manifest.tsv").write_text("".join(manifest))
