#!/usr/bin/env python3
"""selfsi's training step and restoration beside PyTorch's: eager and compiled (torch.compile with
inductor, which needs a C++ compiler), the same network, weights, batch and thread, in fp32, and the
restoration in bfloat16 too.

The network and the transport are written here once more, as one would in PyTorch, and have to give
the fields of selfsi before anything is timed. In every round each candidate has its turn; what counts is
the least CPU time of all rounds, which other programs on the same cores disturb least. The last columns
set the restoration beside the machine's limit: what a product of large matrices does with one thread. Started by
make bench-eager, which builds the program (benches/eager.rs) and a virtual environment with all of torch.

    python benches/eager.py PROGRAM [--batch 16 64] [--rounds 7] [--times 3] [--no-compile]
"""

import argparse
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

SIGMA, STRUCTURE = 0.7, 0.1
STEPS, GRADING = 16, 2.5
PATCH, MARGIN, LEVELS, OCTAVES = 8, 64, 3, 4


def load(path):
    """The tensors of a safetensors file."""
    raw = pathlib.Path(path).read_bytes()
    (n,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + n])
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(raw, dtype="<f4", count=(end - begin) // 4, offset=8 + n + begin)
        found[name] = torch.from_numpy(values.copy().reshape(entry["shape"]))
    return found


class Network(torch.nn.Module):
    """src/nets/unet1d.rs with the default shape."""

    def __init__(self, weights):
        super().__init__()
        self.w = torch.nn.ParameterDict({k.replace(".", "/"): torch.nn.Parameter(v) for k, v in weights.items()})
        half = 32
        frequencies = torch.exp(torch.arange(half) / half * math.log(64.0)) * (math.tau / 4.0)
        self.register_buffer("frequencies", frequencies)

    def pair(self, name):
        name = name.replace(".", "/")
        return self.w[f"{name}/weight"], self.w[f"{name}/bias"]

    def linear(self, name, x):
        return F.linear(x, *self.pair(name))

    def conv(self, name, x):
        weight, bias = self.pair(name)
        return F.conv1d(x, weight, bias, padding=weight.shape[-1] // 2)

    def coarsen(self, name, x, f):
        return F.conv1d(x, *self.pair(name), stride=f, padding=f // 2)

    def refine(self, name, x, f):
        return F.conv_transpose1d(x, *self.pair(name), stride=f, padding=f // 2)

    def norm(self, name, x):
        weight, bias = self.pair(name)
        c = x.shape[1]
        groups = max(g for g in range(1, 9) if c % g == 0 and c // g >= 4)
        return F.group_norm(x, groups, weight, bias, 1e-5)

    def block(self, name, x, e):
        scale, shift = self.linear(f"{name}.film", e).unsqueeze(-1).chunk(2, 1)
        h = self.norm(f"{name}.norm1", x) * (scale + 1.0) + shift
        h = F.silu(self.norm(f"{name}.norm2", self.conv(f"{name}.conv1", F.silu(h))))
        return x + self.conv(f"{name}.conv2", h)

    def attention(self, x):
        b, c, length = x.shape
        heads = c // 32
        qkv = self.conv("attention.qkv", self.norm("attention.norm", x))
        qkv = qkv.view(b, 3, heads, c // heads, length).transpose(3, 4)
        q, k, v = qkv[:, 0], qkv[:, 1], qkv[:, 2]
        weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(c // heads), -1)
        return x + self.conv("attention.out", (weights @ v).transpose(2, 3).reshape(b, c, length))

    def forward(self, t, x, good, sigma, left):
        phase_of = t * self.frequencies
        e = torch.cat([phase_of.cos(), phase_of.sin()], 1)
        e = F.silu(self.linear("time.second", F.silu(self.linear("time.first", e))))
        d = x.shape[1]
        variance = sigma.square()
        inverse = 1.0 / (t.square() * variance + 1.0)
        scale = inverse.sqrt()
        skip = x * (t * variance * inverse)
        output = (variance + STRUCTURE).sqrt() * scale
        x = x * scale
        u = torch.linspace(-1, 1, d).unsqueeze(0)
        waves = torch.exp2(torch.arange(OCTAVES, dtype=torch.float32)).unsqueeze(1) * (u * (math.pi / 2))
        place = torch.cat([u, waves.sin(), waves.cos()], 0).expand(x.shape[0], -1, -1)
        channels = torch.stack([x, good, sigma.clamp_min(1e-3).log()], 1)
        h = F.pad(torch.cat([channels, place], 1), (left, 2 * MARGIN - left), mode="reflect")
        h = self.coarsen("stem", h, PATCH)
        skips = []
        for i in range(LEVELS - 1):
            h = self.block(f"down{i}.0", h, e)
            skips.append(h)
            h = self.coarsen(f"down{i}.coarsen", h, 2)
        h = self.block("middle.0", h, e)
        h = self.attention(h)
        h = self.block("middle.1", h, e)
        for i in reversed(range(LEVELS - 1)):
            h = self.refine(f"up{i}.refine", h, 2)
            h = self.conv(f"up{i}.merge", torch.cat([h, skips[i]], 1))
            h = self.block(f"up{i}.0", h, e)
        out = self.refine("out", F.silu(self.norm("out.norm", h)), PATCH)
        out = out[:, :, left : left + d]
        return (out[:, 0] + out[:, 1] * x) * output + skip


def left_of(phase):
    """Pixels by which the spectrum is extended on the left, by which the coarse grid is moved."""
    return MARGIN + int(math.modf(phase * 0.61803398875)[0] * PATCH) - PATCH // 2


@torch.no_grad()
def restore(network, y, good, sigma):
    """src/transport, the multistep scheme."""
    x, before = y, None
    times = [(1 - k / STEPS) ** GRADING for k in range(STEPS + 1)]
    for k, (t, u) in enumerate(zip(times, times[1:])):
        drift = network(torch.full((x.shape[0], 1), t), x, good, sigma, left_of(k))
        clean = x - drift * t
        new = x * (u / t) + clean * (1 - u / t)
        if before is not None:
            slope = (clean - before[1]) / (t - before[0])
            new = new + slope * (u * math.log(t / u) - (t - u) if u > 0 else -0.5 * t)
        x, before = new, (t, clean)
    return x


class Training:
    """The M-step: observe, interpolate, gradient, clip, Adam, running average."""

    def __init__(self, network, fields, x0, good, sigma):
        """`fields`: the network, or what compiling made of it."""
        self.fields, self.x0, self.good, self.sigma = fields, x0, good, sigma
        self.weights = list(network.parameters())
        self.adam = torch.optim.Adam(self.weights, lr=1e-5, betas=(0.9, 0.999))
        self.average = [w.detach().clone() for w in self.weights]
        self.steps = 0

    def step(self):
        x0 = self.x0
        x1 = x0 + self.sigma * torch.randn_like(x0)
        t = torch.rand(x0.shape[0], 1)
        velocity = x1 - x0
        fields = self.fields(t, x0 + t * velocity, self.good, self.sigma, left_of(self.steps))
        loss = ((fields - velocity).square() / (self.sigma.square() + STRUCTURE)).mean()
        self.adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - 0.998)
        self.steps += 1


def in_bf16(fields):
    """As selfsi's bf16: the convolutions and products in bfloat16."""

    def run(*arguments):
        with torch.autocast("cpu", torch.bfloat16):
            return fields(*arguments).float()

    return run


def timed(action, n):
    begin = time.process_time()
    for _ in range(n):
        action()
    return time.process_time() - begin


def most(work, action, rounds=8):
    """The most work per CPU second that `action` does."""
    action()
    return work / min(timed(action, 1) for _ in range(rounds))


def limits():
    """FLOP/s of matrix products by kind, and bytes/s through memory, of one thread."""
    n, long = 1536, 1 << 24
    found = {}
    for kind in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(n, n).to(kind) for _ in range(2))
        found[kind] = most(2 * n**3, lambda: a @ b)
    x, y, z = (torch.zeros(long) for _ in range(3))
    found["memory"] = most(3 * 4 * long, lambda: torch.add(x, y, alpha=3.0, out=z))
    return found


def work(fields, arguments):
    """FLOP of one evaluation: the products and convolutions, as the formulas have them."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        fields(*arguments)
    return counter.get_total_flops()


class Selfsi:
    """benches/eager.rs, waiting for orders."""

    def __init__(self, program, file, batch):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program, file, str(batch)], stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def seconds(self, what, n):
        self.process.stdin.write(f"{what} {n}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def candidates(selfsi, tensors, compiled):
    """By what is timed, the seconds of n calls of each candidate."""
    y, t, velocity, restored = (tensors.pop(k) for k in ("y", "t", "velocity", "restored"))
    good, sigma = torch.ones_like(y), torch.full_like(y, SIGMA)

    def check(fields, what, fine, coarse):
        with torch.no_grad():
            error = (fields(t, y, good, sigma, left_of(0)) - velocity).abs().max() / velocity.std()
        assert error < fine, f"{what} is not the same network: fields differ by {error:.1e}"
        error = (restore(fields, y, good, sigma) - restored).square().mean().sqrt() / restored.std()
        assert error < coarse, f"{what} is not the same transport: restorations differ by {error:.1e}"

    def of(fields):
        return lambda n: timed(lambda: restore(fields, y, good, sigma), n)

    network = Network(tensors)
    eager, bf16 = network, in_bf16(network)
    check(eager, "PyTorch eager", 1e-4, 1e-3)
    check(bf16, "PyTorch eager in bfloat16", 1e-1, 3e-2)
    train, steps = {}, {}
    train["eager"] = lambda n: timed(steps["eager"].step, n)
    steps["eager"] = Training(network, eager, restored, good, sigma)
    fp32 = {"eager": of(eager)}
    half = {"eager": of(bf16)}
    if compiled:
        # Networks of their own: the one above learns.
        learning, fixed, rounded = (Network(tensors) for _ in range(3))
        steps["compiled"] = Training(learning, torch.compile(learning), restored, good, sigma)
        train["compiled"] = lambda n: timed(steps["compiled"].step, n)
        with torch.no_grad():
            fixed, rounded = torch.compile(fixed), in_bf16(torch.compile(rounded))
        check(fixed, "PyTorch compiled", 1e-4, 1e-3)
        check(rounded, "PyTorch compiled in bfloat16", 1e-1, 3e-2)
        fp32["compiled"], half["compiled"] = of(fixed), of(rounded)
    flop = STEPS * work(eager, (t, y, good, sigma, MARGIN))
    return flop, {
        "training step": {"selfsi": lambda n: selfsi.seconds("train", n), **train},
        "restoration": {"selfsi": lambda n: selfsi.seconds("restore", n), **fp32},
        "restoration, bf16": {"selfsi": lambda n: selfsi.seconds("restore-bf16", n), **half},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--no-compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # One compilation for all places of the coarse grid.
    torch.compiler.config.dynamic_sources = "L['left']"
    limit = limits()
    print(
        f"One thread: sgemm {limit[torch.float32] / 1e9:.0f} GFLOP/s, bf16 {limit[torch.bfloat16] / 1e9:.0f} GFLOP/s, "
        f"memory {limit['memory'] / 1e9:.1f} GB/s"
    )
    print("| batch | | selfsi, CPU s | PyTorch eager | compiled | speed over eager | over compiled | GFLOP/s | of gemm |")
    print("|--:|---|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    for batch in arguments.batch:
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/network.safetensors"
            selfsi = Selfsi(arguments.program, file, batch)
            torch.compiler.reset()
            flop, timings = candidates(selfsi, load(file), not arguments.no_compile)
            for what, each in timings.items():
                n = arguments.times
                for run in each.values():
                    run(1)
                rounds = [{name: run(n) / n for name, run in each.items()} for _ in range(arguments.rounds)]
                least = {name: min(r[name] for r in rounds) for name in each}
                ours = least["selfsi"]
                seconds = [f"{least[name]:.3f}" if name in least else "" for name in ("selfsi", "eager", "compiled")]
                speeds = [f"{least[name] / ours:.2f}" if name in least else "" for name in ("eager", "compiled")]
                kind = torch.bfloat16 if "bf16" in what else torch.float32
                rate = flop / ours
                roof = [f"{rate / 1e9:.0f}", f"{rate / limit[kind]:.0%}"] if "restoration" in what else ["", ""]
                print("| " + " | ".join([str(batch), what, *seconds, *speeds, *roof]) + " |", flush=True)
            selfsi.end()


if __name__ == "__main__":
    sys.exit(main())
