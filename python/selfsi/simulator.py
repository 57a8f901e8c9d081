"""A program of yours as the forward model F: write a function, call serve(). Needs numpy alone.

    from selfsi import simulator

    def observe(job, batch):
        return {"y": batch.x + 0.5 * batch.normals(1), "sigma": np.full_like(batch.x, 0.5)}

    simulator.serve(observe, sigma=True)

data/simulators/README.md of the sources has the protocol, and examples. Where the package is not installed,
a copy of this file beside the program does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

#: Of any kind of numbers.
Array = NDArray[Any]

GREETING = 1  # version of the greeting
VERSION = 2  # of the protocol: batches of spectra hold the redshift
LATENT = ("kept", "redrawn", "hidden")


@dataclass
class Job:
    """What the greeting says. D pixels per row; all values are normalised ones."""

    latent: str  # "kept", "redrawn" or "hidden"
    pixels: int  # D
    loglam: Array = None  # type: ignore[assignment]  # spectra: log10 of the wavelength (vacuum, Angstrom), [D]
    noise_rho: Array = None  # type: ignore[assignment]  # spectra: correlation of the noise of pixels i and i + 1, [D]
    shape: tuple[int, int, int] | None = None  # images: (C, H, W)
    softening: float = 0.0  # images: of the asinh stretch; 0 where there is none
    mean: Array = None  # type: ignore[assignment]  # images: [C]
    std: Array = None  # type: ignore[assignment]  # images: [C]

    def restore(self, x: Array) -> Array:
        """Normalised pixels [n, D] in the units of the file, [n, C, H, W]."""
        x = x.reshape(-1, *(self.shape or ())) * self.std[:, None, None] + self.mean[:, None, None]
        return np.asarray(self.softening * np.sinh(x) if self.softening else x)

    def normalise(self, v: Array) -> Array:
        """The inverse of restore: [n, D]."""
        v = np.arcsinh(v / self.softening) if self.softening else v
        v = (v - self.mean[:, None, None]) / self.std[:, None, None]
        return v.reshape(len(v), -1)


@dataclass
class Batch:
    """Rows to observe, float32. What becomes of a row may depend on it and its seed alone."""

    seeds: Array  # [n], uint64
    x: Array  # clean, [n, D]
    good: Array  # of the recorded observation: 1 observed, 0 masked, [n, D]
    sigma: Array  # its noise level; 0 where none is known, 1 where masked, [n, D]
    lsf: Array = None  # type: ignore[assignment]  # spectra: its line-spread function, sigma in pixels; 0 unknown, [n, D]
    redshift: Array = None  # type: ignore[assignment]  # spectra: z of the object; NaN where unknown, [n]
    vector: Array = None  # type: ignore[assignment]  # latent "kept": the recorded numbers, [n, K]
    planes: Array = None  # type: ignore[assignment]  # latent "kept": the recorded planes, [n, P * H * W]

    def generators(self) -> list[np.random.Generator]:
        """A generator of numpy for each row."""
        return [np.random.Generator(np.random.PCG64(int(s))) for s in self.seeds]

    def normals(self, draw: int, count: int | None = None) -> Array:
        """Standard normals [n, count or D], number `draw` of the rows' streams; 0 is selfsi's own.

        They are those of selfsi's built-in channels (Box-Muller on a hash of seed and position),
        made for all rows at once: faster than a generator for each.
        """
        count = self.x.shape[1] if count is None else count
        bits = self._bits(draw, (count + 1) // 2)
        radius = np.sqrt(np.log(_uniform(bits, 40)) * np.float32(-2))
        angle = _uniform(bits, 12) * np.float32(2 * np.pi)
        return np.hstack([radius * np.cos(angle), radius * np.sin(angle)])[:, :count]

    def uniforms(self, draw: int, count: int = 1) -> Array:
        """Uniforms on (0, 1), [n, count]; as normals."""
        return _uniform(self._bits(draw, count), 40)

    def _bits(self, draw: int, count: int) -> Array:
        position = np.arange(count, dtype=np.uint64) * GOLDEN + _hash(np.array([draw], np.uint64))
        return _hash(self.seeds[:, None] + position)


GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _hash(x: Array) -> Array:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    z: Array = x + GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def _uniform(bits: Array, shift: int) -> Array:
    mantissa: Array = (bits >> np.uint64(shift)) & np.uint64(0xFFFFFF)
    return np.asarray((mantissa.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24))


def serve(
    observe: Callable[[Job, Batch], dict[str, Any]],
    vector: int = 0,
    planes: int = 0,
    sigma: bool = False,
    good: bool = False,
) -> None:
    """Answers batches with observe(job, batch) until stdin ends.

    observe returns a dict of arrays: "y" [n, D]; "sigma" and "good" [n, D] where announced; and,
    unless job.latent is "kept", "vector" [n, vector] and "planes" [n, planes * H * W].
    """
    # print() and libraries that write to stdout must not break into the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = sys.stdin.buffer
    job = _greeting(source)
    out.write(b"F>SELFSI" + _u32(VERSION, job.pixels, vector, planes, sigma + 2 * good))
    out.flush()
    plane = job.shape[1] * job.shape[2] if job.shape else 0
    while head := source.read(4):
        n = int(np.frombuffer(head, "<u4")[0])

        def array(width: int, n: int = n) -> Array:
            return _read(source, "<f4", n * width).reshape(n, width)

        d = job.pixels
        batch = Batch(_read(source, "<u8", n), array(d), array(d), array(d))
        if job.shape is None:
            batch.lsf = array(d)
            batch.redshift = np.expm1(array(1)[:, 0])
        if job.latent == "kept":
            batch.vector, batch.planes = array(vector), array(planes * plane)
        answer = observe(job, batch)
        given = ["y"] + ["sigma"] * sigma + ["good"] * good
        if job.latent != "kept":
            given += ["vector"] * (vector > 0) + ["planes"] * (planes > 0)
        parts = [np.ascontiguousarray(answer[name], "<f4").reshape(n, -1) for name in given]
        out.write(_u32(n, sum(p.shape[1] for p in parts)))
        for part in parts:
            out.write(part.tobytes())
        out.flush()


def _greeting(source: IO[bytes]) -> Job:
    magic = source.read(8)
    if magic != b"SELFSI>F":
        sys.exit(f"not started by selfsi: stdin begins with {magic!r}")
    version, images, latent, pixels = (int(v) for v in _read(source, "<u4", 4))
    if version != GREETING:
        sys.exit(f"selfsi greets in version {version} of the protocol, this program knows {GREETING}")
    job = Job(LATENT[latent], pixels)
    if images:
        c, h, w = (int(v) for v in _read(source, "<u4", 3))
        job.shape = (c, h, w)
        job.softening = float(_read(source, "<f8", 1)[0])
        job.mean = _read(source, "<f8", c)
        job.std = _read(source, "<f8", c)
    else:
        job.loglam = _read(source, "<f8", pixels)
        job.noise_rho = _read(source, "<f8", pixels)
    return job


def _read(source: IO[bytes], kind: str, count: int) -> Array:
    size = count * np.dtype(kind).itemsize
    data = source.read(size)
    if len(data) != size:
        sys.exit("stdin ended within a message")
    return np.frombuffer(data, kind)


def _u32(*values: int) -> bytes:
    return np.array(values, "<u4").tobytes()
