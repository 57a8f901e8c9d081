#!/usr/bin/env python3
"""selfsi's training step and restoration beside PyTorch's eager mode: the same network, weights,
batch and thread, in turns, CPU seconds.

The network and the transport are written here once more, as one would in PyTorch, and have to give
the fields of selfsi before anything is timed. Started by make bench-eager, which builds the program
(benches/eager.rs) and a virtual environment with all of torch.

    python benches/eager.py PROGRAM [--batch 64] [--rounds 7] [--times 4]
"""

import argparse
import json
import math
import pathlib
import statistics
import struct
import subprocess
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F

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

    def forward(self, t, x, good, sigma, phase):
        phase_of = t * self.frequencies
        e = torch.cat([phase_of.cos(), phase_of.sin()], 1)
        e = F.silu(self.linear("time.second", F.silu(self.linear("time.first", e))))
        d = x.shape[1]
        shift = int(math.modf(phase * 0.61803398875)[0] * PATCH) - PATCH // 2
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
        h = F.pad(torch.cat([channels, place], 1), (MARGIN + shift, MARGIN - shift), mode="reflect")
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
        out = out[:, :, MARGIN + shift : MARGIN + shift + d]
        return (out[:, 0] + out[:, 1] * x) * output + skip


@torch.no_grad()
def restore(network, y, good, sigma):
    """src/transport, the multistep scheme."""
    x, before = y, None
    times = [(1 - k / STEPS) ** GRADING for k in range(STEPS + 1)]
    for k, (t, u) in enumerate(zip(times, times[1:])):
        drift = network(torch.full((x.shape[0], 1), t), x, good, sigma, k)
        clean = x - drift * t
        new = x * (u / t) + clean * (1 - u / t)
        if before is not None:
            slope = (clean - before[1]) / (t - before[0])
            new = new + slope * (u * math.log(t / u) - (t - u) if u > 0 else -0.5 * t)
        x, before = new, (t, clean)
    return x


class Training:
    """The M-step: observe, interpolate, gradient, clip, Adam, running average."""

    def __init__(self, network, x0, good, sigma):
        self.network, self.x0, self.good, self.sigma = network, x0, good, sigma
        self.weights = list(network.parameters())
        self.adam = torch.optim.Adam(self.weights, lr=1e-5, betas=(0.9, 0.999))
        self.average = [w.detach().clone() for w in self.weights]
        self.steps = 0

    def step(self):
        x0 = self.x0
        x1 = x0 + self.sigma * torch.randn_like(x0)
        t = torch.rand(x0.shape[0], 1)
        velocity = x1 - x0
        fields = self.network(t, x0 + t * velocity, self.good, self.sigma, self.steps)
        loss = ((fields - velocity).square() / (self.sigma.square() + STRUCTURE)).mean()
        self.adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - 0.998)
        self.steps += 1


def timed(action, n):
    begin = time.process_time()
    for _ in range(n):
        action()
    return time.process_time() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--times", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/network.safetensors"
        command = [arguments.program, file, str(arguments.batch)]
        selfsi = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert selfsi.stdout.readline() == "ready\n"
        tensors = load(file)
        y, t, velocity, restored = (tensors.pop(k) for k in ("y", "t", "velocity", "restored"))
        network = Network(tensors)
        good, sigma = torch.ones_like(y), torch.full_like(y, SIGMA)
        with torch.no_grad():
            error = (network(t, y, good, sigma, 0) - velocity).abs().max() / velocity.std()
        assert error < 1e-4, f"not the same network: fields differ by {error:.1e}"
        error = (restore(network, y, good, sigma) - restored).abs().max() / restored.std()
        assert error < 1e-3, f"not the same transport: restorations differ by {error:.1e}"
        training = Training(network, restored, good, sigma)
        theirs = {"train": training.step, "restore": lambda: restore(network, y, good, sigma)}

        def ours(what, n):
            selfsi.stdin.write(f"{what} {n}\n")
            selfsi.stdin.flush()
            return float(selfsi.stdout.readline())

        for what, action in theirs.items():
            n = arguments.times
            ours(what, 1), timed(action, 1)
            seconds = [(ours(what, n) / n, timed(action, n) / n) for _ in range(arguments.rounds)]
            a, b = (statistics.median(column) for column in zip(*seconds))
            ratios = sorted(theirs / mine for mine, theirs in seconds)
            print(
                f"{what}, batch {arguments.batch}: selfsi {a:.3f} s, PyTorch eager {b:.3f} s, "
                f"speed {b / a:.2f} of eager's (rounds {ratios[0]:.2f} to {ratios[-1]:.2f})"
            )
        selfsi.stdin.close()
        selfsi.wait()


if __name__ == "__main__":
    main()
