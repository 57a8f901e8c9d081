"""The report of `make real`: tables over windows and seeds, and a picture of restored exposures.

    python scripts/real_report.py REPORT.md OUT...      # folders that scripts/real.py judged
"""

import json
import os
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from real import catalog, column, images, on_grid, texts

METHODS = ("selfsi", "selfsi, residues known", "EMPCA", "rest-frame GP", "best smoothing", "exposure")
COLOURS = {"exposure": (190, 190, 190), "reference": (30, 30, 30), "restored": (200, 40, 40)}
SIZE, PANEL, EDGE = 1100, 210, 46


def cell(values, digits=3):
    values = [v for v in values if v is not None]
    if not values:
        return "–"
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"


def table(runs, window):
    of = lambda m, key: [r["table"][m].get(key) for r in runs]
    first = "error"
    lines = [
        "| method | error | median object | χ²/pixel against the reference | inside 68 % | inside 95 % | setting |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for m in METHODS:
        settings = sorted({s for s in of(m, "setting") if s})
        lines.append(
            f"| {m} | {cell(of(m, first))} | {cell(of(m, 'median_error'))} | "
            f"{cell(of(m, 'chi2'), 2)} | {cell(of(m, 'inside_68'), 2)} | {cell(of(m, 'inside_95'), 2)} | {', '.join(settings)} |"
        )
    return lines


def verdicts(runs, window):
    first = "error"
    mine = np.mean([r["table"]["selfsi"][first] for r in runs])
    lines = []
    for m in METHODS[2:]:
        other = np.mean([r["table"][m][first] for r in runs])
        lines.append(f"* lower error than {m}: {'met' if mine < other else 'missed'} ({mine:.4f}, {other:.4f})")
    chi2 = np.mean([r["table"]["selfsi"]["chi2"] for r in runs])
    own = np.mean([r["table"]["exposure"]["chi2"] for r in runs])
    met = "met" if 0.9 <= chi2 <= 1.1 else "missed"
    lines.append(f"* reduced χ² within 0.9–1.1: {met} ({chi2:.2f}; of the exposure itself, whose noise is known, {own:.2f})")
    sky = [r["sky"] for r in runs]
    mean = lambda key: np.mean([s[key] for s in sky])
    met = "met" if 0.5 <= mean("chi2") <= 1.5 else "missed"
    lines.append(
        f"* sky fibres restored to zero within SIGMA, residues known from other fibres: {met} (RESTORED/SIGMA has the mean square {mean('chi2'):.2f}, "
        f"{100 * mean('inside_2'):.0f} % within 2; RESTORED {mean('rms_of_restored'):.3f} where OBSERVED has {mean('rms_of_observed'):.3f})"
    )
    return lines


def picture(path, out, frame="rest"):
    """Six exposures of different objects, their restorations and references."""
    test = catalog(os.path.join(out, "test.h5"))
    restored = os.path.join(out, "restored.fits")
    loglam, (x, s) = images(restored, ("RESTORED", "SIGMA"))
    place = {n.strip(): i for i, n in enumerate(texts(column(restored, "NAME")))}
    order = np.array([place[n] for n in test["id"]])
    x, s = x[order], s[order]
    z = column(restored, "Z_GRID")[order] if frame == "rest" else np.zeros(len(order))
    rows = list(range(len(order)))
    y, v = on_grid(test, rows, loglam, "flux", "ivar", z)
    r, rv = on_grid(test, rows, loglam, "ref_flux", "ref_ivar", z)
    snr = np.array([np.median((r[i] * np.sqrt(rv[i]))[rv[i] > 0]) for i in rows])
    known = set()
    chosen = []
    for i in np.argsort(snr)[::-1]:
        name = test["id"][i].rsplit(" ", 1)[0].split("-")[-1] + f"{test['z'][i]:.2f}"
        if name not in known and np.isfinite(x[i]).all():
            known.add(name)
            chosen.append(i)
    chosen = [chosen[k] for k in np.linspace(0, len(chosen) - 1, min(6, len(chosen))).round().astype(int)]
    image = Image.new("RGB", (SIZE, PANEL * len(chosen) + 30), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    wave = 10**loglam
    across = lambda w: EDGE + (np.log(w / wave[0]) / np.log(wave[-1] / wave[0])) * (SIZE - EDGE - 12)
    for k, i in enumerate(chosen):
        top, bottom = k * PANEL + 8, (k + 1) * PANEL - 12
        unit = np.median(r[i][rv[i] > 0])
        curves = {"exposure": (y[i], v[i] > 0), "reference": (r[i], rv[i] > 0), "restored": (x[i], np.isfinite(x[i]))}
        factor = (r[i] * x[i] * rv[i]).sum() / (x[i] ** 2 * rv[i]).sum()
        high = 1.25 * np.nanpercentile(x[i] / unit, 99.5)
        up = lambda f: np.clip(bottom - (f / unit + 0.15 * high) / (1.15 * high) * (bottom - top), top, bottom)
        low, above = factor * (x[i] - s[i]), factor * (x[i] + s[i])
        for j in range(0, len(loglam) - 1):
            draw.line([(across(wave[j]), up(low[j])), (across(wave[j]), up(above[j]))], fill=(250, 215, 215))
        for name, (f, ok) in curves.items():
            f = f * factor if name != "reference" else f
            points = [(across(wave[j]), up(f[j])) for j in np.flatnonzero(ok)]
            draw.line(points, fill=COLOURS[name], width=2 if name == "restored" else 1)
        draw.rectangle([EDGE, top, SIZE - 12, bottom], outline=(120, 120, 120))
        zero = up(0.0)
        draw.line([(EDGE, zero), (SIZE - 12, zero)], fill=(200, 200, 200))
        own = np.median((y[i] * np.sqrt(v[i]))[v[i] > 0])
        draw.text((EDGE + 8, top + 4), f"z = {test['z'][i]:.3f}, S/N {own:.1f} (reference {snr[i]:.1f})", fill="black", font=font)
        draw.text((6, zero - 8), "0", fill="black", font=font)
    for w in np.arange(np.ceil(wave[0] / 100) * 100, wave[-1], 200 if wave[-1] > 3000 else 100):
        draw.text((across(w) - 14, PANEL * len(chosen) - 8), f"{w:.0f}", fill="black", font=font)
    draw.text((SIZE // 2 - 90, PANEL * len(chosen) + 12), "rest wavelength, Angstrom (vacuum)", fill="black", font=font)
    image.save(path, optimize=True)


def main():
    report, folders = sys.argv[1], sys.argv[2:]
    runs = {}
    for folder in folders:
        about = json.load(open(os.path.join(folder, "judged.json")))
        runs.setdefault(about["window"], []).append((about, folder))
    lines = [
        "# Real quasars, seen twice",
        "",
        "What `make real REAL=…` measured. For each single exposure of an object that no training saw, the truth is the coadd of its *other* exposures, whose noise is independent. What it means, and where it fails: [real quasars](../../docs/measurements/real.md).",
        "",
        "*Error*: the root of the mean squared difference from the reference less the reference's noise, over its level, after one factor for each exposure; where the reference, averaged over some 20 pixels, has S/N ≥ 8 per pixel (in the ultraviolet little more than the lines). *χ²*: of (reference − factor · RESTORED) over the noise of both, everywhere, outliers beyond 6 σ left out; the reference's noise is taken as wide as it is (differences of its pixels), which is more than its ivar says. Settings of peers are those that are best on the test itself. *selfsi, residues known*: the same trained with `survey.sky_fibres`, sky fibres of SDSS's first spectrograph, which most of the test's exposures do not come from; sky fibres are restored by this run. Means over the seeds, ± their scatter.",
    ]
    for window, all_of in runs.items():
        abouts = [a for a, _ in all_of]
        a = abouts[0]
        seeds = ", ".join(str(b["seed"]) for b in abouts)
        lines += ["", f"## {window.capitalize()} window", ""]
        mocks = f" and {a['mocks']} mocks of a factor model that was learned on real ones" if a.get("mocks") else ""
        lines.append(
            f"Trained on {a['train']} real spectra{mocks}; tested on some {a['test']} exposures of {a['test_objects']} other objects; seeds {seeds}."
        )
        lines += ["", *table(abouts, window), "", *verdicts(abouts, window), ""]
        name = f"{window}.png"
        os.makedirs(os.path.join(os.path.dirname(report), "real"), exist_ok=True)
        picture(os.path.join(os.path.dirname(report), "real", name), all_of[0][1])
        lines += [f"![Exposures restored](real/{name})", "", "*Exposure (grey), the coadd of the others (black), restored ± SIGMA (red).*"]
    with open(report, "w") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
