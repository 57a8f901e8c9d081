"""The 2-D U-Net in numpy, from its description, against the fields that selfsi wrote.

usage: unet2d_reference.py FOLDER, with one .npy per weight and per input, and shape.json.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.signal import correlate2d
from scipy.special import softmax

folder = Path(sys.argv[1])
shape = json.loads((folder / "shape.json").read_text())
array = {f.stem: np.load(f).astype(np.float64) for f in folder.glob("*.npy")}
used = set()


def weight(name):
    used.add(name)
    return array[name]


def silu(x):
    return x / (1 + np.exp(-x))


def linear(name, x):
    return x @ weight(f"{name}.weight").T + weight(f"{name}.bias")


def conv(name, x):
    w, b = weight(f"{name}.weight"), weight(f"{name}.bias")
    planes = [
        sum(correlate2d(x[i], w[o, i], mode="same") for i in range(len(x))) + b[o]
        for o in range(len(w))
    ]
    return np.stack(planes)


def norm(name, x):
    """Groups of at least 4 channels, at most 32 groups; population variance."""
    groups = min(32, len(x) // 4)
    g = x.reshape(groups, -1)
    g = (g - g.mean(1, keepdims=True)) / np.sqrt(g.var(1, keepdims=True) + 1e-5)
    scale, shift = weight(f"{name}.weight"), weight(f"{name}.bias")
    return g.reshape(x.shape) * scale[:, None, None] + shift[:, None, None]


def halve(x):
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def double(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def attend(name, x):
    c, h, w = x.shape
    heads = max(1, c // shape["head"])
    q, k, v = conv(f"{name}.qkv", norm(f"{name}.norm", x)).reshape(3, heads, c // heads, h * w)
    mixed = np.zeros_like(v)
    for i in range(heads):
        of_keys = softmax(q[i].T @ k[i] / np.sqrt(c // heads), axis=1)
        mixed[i] = v[i] @ of_keys.T
    return x + conv(f"{name}.out", mixed.reshape(c, h, w))


def block(name, x, e, resample=lambda x: x):
    h = conv(f"{name}.conv1", resample(silu(norm(f"{name}.norm1", x))))
    scale, shift = np.split(linear(f"{name}.affine", e), 2)
    h = norm(f"{name}.norm2", h) * (1 + scale[:, None, None]) + shift[:, None, None]
    h = conv(f"{name}.conv2", silu(h))
    x = resample(x)
    changes = len(x) != len(h)
    x = h + (conv(f"{name}.skip", x) if changes else x)
    return attend(f"{name}.attention", x) if f"{name}.attention.qkv.weight" in array else x


def encode_planes(planes):
    h = conv("planes.first", planes)
    for i in range(2):
        h = h + conv(f"planes.conv{i}", silu(norm(f"planes.norm{i}", h)))
    return conv("planes.last", h)


def encode_vector(v):
    for i in range(3):
        v = weight(f"vector{i}.weight") @ (silu(v) if i else v)
    return v


def embed(t, vector):
    half = shape["channels"] // 2
    phase = t * (1 / shape["max_position"]) ** (np.arange(half) / half)
    e = linear("time.first", np.concatenate([np.cos(phase), np.sin(phase)]))
    return silu(linear("time.second", silu(e)) + encode_vector(vector))


def fields(t, x, good, planes, vector):
    """One image: x and good [C, H, W], planes [P, H, W], vector [K]."""
    e = embed(t, vector)
    known = encode_planes(np.concatenate([good.mean(0, keepdims=True), planes]))
    h = conv("stem", np.concatenate([x, known]))
    skips, levels = [h], shape["levels"]
    for i in range(levels):
        if i > 0:
            h = block(f"down{i}.halve", h, e, halve)
            skips.append(h)
        for j in range(shape["blocks"]):
            h = block(f"down{i}.{j}", h, e)
            skips.append(h)
    h = block("middle1", block("middle0", h, e), e)
    for i in reversed(range(levels)):
        if i + 1 < levels:
            h = block(f"up{i}.double", h, e, double)
        for j in range(shape["blocks"] + 1):
            h = block(f"up{i}.{j}", np.concatenate([h, skips.pop()]), e)
    assert not skips
    return conv("out", silu(norm("out.norm", h)))


def main():
    inputs = {k: array.pop(f"input_{k}") for k in ["t", "x", "good", "planes", "vector"]}
    told = array.pop("fields")
    ours = np.stack([fields(*row) for row in zip(*inputs.values())]).reshape(told.shape)
    assert used == set(array), f"weights without a use: {sorted(set(array) - used)}"
    size, apart = np.abs(ours).max(), np.abs(ours - told).max()
    print(f"largest field {size:.4g}, largest difference {apart:.2g}")
    assert size > 0.1 and apart < 1e-4 * size


main()
