#!/usr/bin/env python3
"""What each lever on the cost of the E-step costs and gives: trains the demo and two moons once per
row, on one thread, and prints a Markdown table. Needs the demo's data: make demo, or its mock and
prepare commands alone. Standard library only.

    python3 scripts/estep.py demo|moons [--only NAME,...] [--seed N] [--out DIR]
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys

SELFSI = os.environ.get("SELFSI", "target/release/selfsi")
# The E-step of the paper, everything else as in the row it is compared with.
PAPER = {
    "transport.scheme": "euler",
    "transport.steps": 64,
    "transport.grading": 1.0,
    "train.reuse": 1,
    "train.warm_start": 0,
}
EULER = PAPER | {"train.ema_teacher": "true", "train.epsilon": 0.0}
SHORT = {"train.warm_start": 0, "train.reuse": 1}
REUSED = SHORT | {"train.reuse": 4}
GROWTH = {"train.growth": "{ from = 4, until = 0.7 }"}
BF16 = {"transport.bf16": "true"}
WARM = {"train.warm_start": 400}
# Name: settings on top of COMMON.
DEMO = {
    "paper: Euler 64, live weights, SDE": PAPER | {"train.ema_teacher": "false", "train.epsilon": 1.0},
    "Euler 64, averaged weights, ODE": EULER,
    "multistep 16": SHORT,
    "multistep 16, reuse 4": REUSED,
    "multistep 8, reuse 4": REUSED | {"transport.steps": 8},
    "Heun 8, reuse 4": REUSED | {"transport.scheme": "heun", "transport.steps": 8},
    "reuse 16": REUSED | {"train.reuse": 16},
    "pool 4, reuse 4": REUSED | {"train.pool": 4},
    "pool 16, reuse 16": REUSED | {"train.pool": 16, "train.reuse": 16},
    "reuse 4, refresh 40": REUSED | {"train.refresh": 40},
    "reuse 4, growth 4 to 16": REUSED | GROWTH,
    "reuse 4, bf16": REUSED | BF16,
    "reuse 4, growth, bf16": REUSED | GROWTH | BF16,
    "reuse 4, 2 x steps": REUSED | {"train.steps": 1600},
    "reuse 4, warm start": REUSED | WARM,
    "reuse 4, growth, bf16, warm start": REUSED | GROWTH | BF16 | WARM,
}
COMMON = {
    "train.steps": 800,
    "train.batch": 32,
    "train.validate_every": 400,
    "train.checkpoint_every": 400,
}

EULER40 = {"transport.steps": 40, "train.reuse": 1}
MOONS = {
    "paper: Euler 40": EULER40,
    "Euler 20": {"train.reuse": 1},
    "Euler 20, reuse 8": {},
    "Euler 10, reuse 8": {"transport.steps": 10},
    "Heun 10, reuse 8": {"transport.scheme": "heun", "transport.steps": 10},
    "Heun 5, reuse 8": {"transport.scheme": "heun", "transport.steps": 5},
    "Euler 20, reuse 32": {"train.reuse": 32},
    "Euler 20, reuse 8, pool 8": {"train.pool": 8},
    "Euler 20, reuse 32, pool 8": {"train.reuse": 32, "train.pool": 8},
    "Euler 20, reuse 8, refresh 80": {"train.refresh": 80},
    "Euler 20, reuse 8, growth 4 to 20": GROWTH,
}


def timed(*arguments):
    """Runs selfsi on one thread: its standard output and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [SELFSI, "--threads", "1", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, seconds


def sets(settings):
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def demo(name, settings, seed, folder):
    """Trains, restores 200 held-out spectra and scores them."""
    run = folder / "run"
    settings = COMMON | settings
    _, seconds = timed("--seed", seed, "train", "survey_configs/demo-sde.toml", "--out", run, *sets(settings))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    cost = [line["evaluations"] for line in lines if "evaluations" in line][-1]
    timed("restore", run, "out/demo/prepared.h5", "--out", run / "restored.fits", "--heldout", "-n", 200, "--set", "restore.draws=8")
    out, _ = timed("--json", "evaluate", run, "--truth", "out/demo/mock/truth.h5")
    rows = {row["kind"]: row for row in json.loads(out)["rows"]}
    mean, draw = rows["mean"], rows["draw"]
    validations = [line["validation"]["score"] for line in lines if "validation" in line]
    return {
        "name": name,
        "seed": seed,
        "steps": settings["train.steps"],
        "e_step": cost[0],
        "gradients": cost[1],
        "seconds": seconds,
        "RMSE / oracle": mean["rmse_over_oracle"],
        "draw: distance / smoothing": draw["whole"]["over_smoothing"],
        "small scale": draw["local"]["over_smoothing"],
        "power": draw["power"]["value"],
        "validation": min(validations),
    }


def moons(name, settings, seed, folder):
    """Trains the SDE at both noise levels of two moons, for 8000 steps each."""
    study = folder / "toy"
    _, seconds = timed("--seed", seed, "toy", "--out", study, "--shape", "two-moons", "--interpolant", "sde", *sets(settings))
    cases = json.loads((study / "toy.json").read_text())["cases"]
    found = {"name": name, "seed": seed, "steps": 8000, "seconds": seconds}
    for case in cases:
        cloud = case["clouds"][-1]
        found["e_step"], found["gradients"] = cloud["evaluations"]
        for key in ("sliced", "divergence", "width"):
            found[f"{key}, sigma {case['sigma']}"] = cloud["scores"][key]
    return found


def table(results):
    """Costs as ratios to the first row."""
    first = results[0]
    skip = ("name", "seed", "steps", "e_step", "gradients", "seconds")
    scores = [key for key in first if key not in skip]
    yield "| E-step | steps | evaluations, E-step + gradients (10^6) | CPU time | " + " | ".join(scores) + " |"
    yield "|---|" + "---|" * (3 + len(scores))
    for r in results:
        cells = [
            r["name"],
            str(r["steps"]),
            f"{r['e_step'] / 1e6:.2f} + {r['gradients'] / 1e6:.2f}",
            f"{r['seconds'] / first['seconds']:.2f}",
            *(f"{r[key]:.3f}" for key in scores),
        ]
        yield "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=["demo", "moons"])
    parser.add_argument("--only", help="names of rows, comma-free prefixes separated by ;")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/estep"))
    arguments = parser.parse_args()
    rows, make = (DEMO, demo) if arguments.study == "demo" else (MOONS, moons)
    if arguments.only:
        rows = {name: rows[name] for name in arguments.only.split(";")}
    results = []
    for k, (name, settings) in enumerate(rows.items()):
        folder = arguments.out / arguments.study / f"{arguments.seed}-{list(DEMO if make is demo else MOONS).index(name):02}"
        done = folder / "result.json"
        if done.exists():
            result = json.loads(done.read_text())
        else:
            folder.mkdir(parents=True, exist_ok=True)
            result = make(name, settings, arguments.seed, folder)
            done.write_text(json.dumps(result, indent=1))
        results.append(result)
        print(f"{k + 1}/{len(rows)} {name}: {result['seconds']:.0f} s", file=sys.stderr)
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
