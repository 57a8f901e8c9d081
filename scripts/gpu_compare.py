"""What scripts/gpu-check.sh compares: gpu_compare.py weights RUN RUN MOST | catalogs FITS FITS MOST | rate RUN

weights: the best weights of two runs; MOST is the largest difference allowed, relative to the largest weight of
each tensor, and 0 asks for the same bits. catalogs: RESTORED of the rows that both have; MOST is the largest
difference allowed to one pixel in a hundred, in units of the catalog's SIGMA. rate: what a run says of its speed.
Needs numpy alone.
"""

import json
import sys
from pathlib import Path

import numpy as np

BLOCK = 2880


def weights(run):
    """The tensors of RUN/best.safetensors."""
    data = (Path(run) / "best.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    header.pop("__metadata__", None)
    kinds = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
    return {
        name: np.frombuffer(body[slice(*t["data_offsets"])], kinds[t["dtype"]]).astype("f8")
        for name, t in header.items()
    }


def images(path):
    """The images of a FITS file, by the names of their HDUs."""
    data, at, found = Path(path).read_bytes(), 0, {}
    while at < len(data):
        cards = {}
        while "END" not in cards:
            for k in range(at, at + BLOCK, 80):
                card = data[k : k + 80].decode("ascii", "replace")
                cards[card[:8].strip()] = card[10:].split("/")[0].strip().strip("'").strip()
            at += BLOCK
        shape = [int(cards[f"NAXIS{i + 1}"]) for i in range(int(cards["NAXIS"]))][::-1]
        size = int(np.prod(shape)) * abs(int(cards["BITPIX"])) // 8 if shape else 0
        size += int(cards.get("PCOUNT", 0))
        if cards["BITPIX"] == "-32" and shape:
            found[cards["EXTNAME"]] = np.frombuffer(data[at : at + size], ">f4").reshape(shape).astype("f8")
        at += -(-size // BLOCK) * BLOCK
    return found


def compare_weights(a, b, most):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys(), "other weights"
    off = max(np.abs(a[k] - b[k]).max(initial=0) / max(np.abs(a[k]).max(initial=0), 1e-30) for k in a)
    print("the same bits" if off == 0 else f"weights differ by {off:.1e} of the largest of their tensor")
    return np.isfinite(off) and off <= most


def compare_catalogs(a, b, most):
    a, b = images(a), images(b)
    rows = min(len(a["RESTORED"]), len(b["RESTORED"]))
    x, y, sigma = a["RESTORED"][:rows], b["RESTORED"][:rows], a["SIGMA"][:rows]
    if np.any(np.isfinite(x) != np.isfinite(y)):
        print("other rows are restored")
        return False
    off = np.abs(x - y)[np.isfinite(x)] / np.maximum(sigma[np.isfinite(x)], 1e-30)
    same = "the same bits" if np.all(off == 0) else f"99 % of pixels within {np.quantile(off, 0.99):.1e} σ"
    print(f"{rows} rows: {same}")
    return np.quantile(off, 0.99) <= most


def rate(run):
    lines = [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]
    rates = [line["spectra_per_s"] for line in lines if line.get("spectra_per_s")]
    losses = [line["loss"] for line in lines if line.get("loss") is not None]
    # The first line counts the start of everything.
    print(f"{max(rates):.0f} spectra/s, loss {losses[-1]:.3g}")
    return bool(np.isfinite(losses).all())


what, *names = sys.argv[1:]
if what == "rate":
    ok = rate(names[0])
else:
    ok = {"weights": compare_weights, "catalogs": compare_catalogs}[what](*names[:2], float(names[2]))
sys.exit(0 if ok else 1)
