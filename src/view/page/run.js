"use strict";
// The second tab: training, calibration, population and errors, as far as the run folder tells.

let runShown = false;

function showRun(root) {
  if (runShown) return;
  runShown = true;
  const parts = content.run
    ? [training(content.run), ...evaluated(content.run.evaluation)]
    : [el("section", {}, el("p", {}, "This catalog does not lie in a run folder: there is no training to show. selfsi view RUN shows the run, too."))];
  parts.push(population());
  if (content.run) parts.push(el("details", {}, el("summary", {}, "config.toml"), el("pre", {}, content.run.config)));
  root.replaceChildren(...parts.filter(Boolean));
}

function section(title, note, ...children) {
  return el("section", {}, el("h2", {}, title), note ? el("p", {}, note) : null, ...children);
}

function training(run) {
  const one = c => chart(c.name, [{
    name: c.name, colour: c.name === "loss" ? COLOURS.restored : c.name === "learning rate" ? COLOURS.draw : COLOURS.truth,
    x: c.points.map(p => p[0]), y: c.points.map(p => p[1]), error: c.points.map(p => p[2] ?? NaN), dots: c.points.length < 40,
  }], { x: "training step", logY: c.log });
  if (!run.curves.length) return section(`Training of ${run.folder}`, "Nothing has been logged yet.");
  return section(`Training of ${run.folder}`, "Curves of metrics.jsonl. Validations apply F to the restorations of held-out observations and compare with these; they need no truth.",
    el("div", { class: "charts" }, ...run.curves.map(one)));
}

function evaluated(e) {
  if (!e) {
    return [section("Calibration and errors", "The run folder holds no evaluation. With a known truth: selfsi evaluate RUN --truth FILE.")];
  }
  return e.images !== undefined ? [imageErrors(e)] : [...(e.calibration || []).map(calibration), spectraErrors(e)];
}

const PART_COLOURS = [COLOURS.ink, COLOURS.restored, COLOURS.truth];

function calibration(c) {
  const charts = [];
  if (c.pixels.length) {
    const bins = c.pixels[0].pit.length, flat = { name: "calibrated", colour: "#aaa", dash: [4, 4], x: [0, 1], y: [1 / bins, 1 / bins] };
    charts.push(chart("Rank of the truth among the draws (PIT)", [flat, ...c.pixels.map((p, k) => ({
      name: p.part, colour: PART_COLOURS[k], dots: true,
      x: p.pit.map((_, b) => (b + 0.5) / bins), y: p.pit.map(m => m.value), error: p.pit.map(m => m.error),
    }))], { x: "rank", y: "fraction of pixels", xRange: [0, 1] }));
    charts.push(chart("Coverage of central intervals", [{ name: "calibrated", colour: "#aaa", dash: [4, 4], x: [0.4, 1], y: [0.4, 1] }, ...c.pixels.map((p, k) => ({
      name: p.part, colour: PART_COLOURS[k], dots: true,
      x: p.coverage.map(v => v.nominal), y: p.coverage.map(v => v.found.value), error: p.coverage.map(v => v.found.error),
    }))], { x: "nominal", y: "truth inside", xRange: [0.4, 1] }));
  }
  const parts = c.pixels.map(p => el("tr", {}, el("td", {}, p.part), ...[
    p.objects, withError(p.crps.value, p.crps.error), shown(p.spread_over_error, 3), shown(p.pit_chi2, 3),
  ].map(t => el("td", { class: "number" }, String(t)))));
  const heads = (...names) => el("tr", {}, ...names.map((n, i) => el("th", { class: i ? "number" : "" }, n)));
  const pulls = c.lines.map(l => el("tr", {}, el("td", {}, `${l.line} ${l.quantity}`), ...[
    shown(l.pull, 2), shown(l.scatter, 3),
  ].map(t => el("td", { class: "number" }, t))));
  return section(`Calibration: ${c.name}`, "Of pixels and of measured lines, against the known truth: calibrated draws have flat ranks, coverage on the diagonal, spread / error 1, and pulls 0 ± 1.",
    el("div", { class: "charts" }, ...charts,
      el("div", {},
        parts.length ? el("table", { style: { marginBottom: "14px" } }, el("thead", {}, heads("pixels", "objects", "CRPS", "spread / error", "χ² of ranks")), el("tbody", {}, ...parts)) : null,
        pulls.length ? el("table", {}, el("thead", {}, heads("line", "median pull", "scatter")), el("tbody", {}, ...pulls)) : null)));
}

const OWN = new Set(["ode", "draw", "mean"]);

function spectraErrors(e) {
  const cells = r => [
    withShort(r.rmse), withShort(r.rmse_forest), withShort(r.rmse_red), withShort(r.rmse_over_oracle),
    distance(r.whole), distance(r.local), distance(r.power), withShort(r.scatter_forest), withShort(r.scatter_red),
  ];
  const heads = ["", "RMSE", "forest", "red side", "/ oracle", "distance: whole", "local", "power", "scatter: forest", "red side"];
  const table = el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((h, i) => el("th", { class: i ? "number" : "" }, h)))),
    el("tbody", {}, ...e.rows.map(r => el("tr", { class: OWN.has(r.kind) ? "best" : "" }, el("td", {}, r.name), ...cells(r).map(t => el("td", { class: "number" }, t))))));
  const bands = e.power_bands, centres = bands.slice(1).map((b, i) => Math.sqrt(b * bands[i]));
  const kinds = { observed: COLOURS.observed, smoothing: COLOURS.quantiles, mean: COLOURS.restored, ode: COLOURS.restored, draw: COLOURS.draw };
  const curves = e.rows.filter(r => r.kind in kinds && r.power_ratio.length === centres.length)
    .map(r => ({ name: r.name, colour: kinds[r.kind], x: centres, y: r.power_ratio, dots: true }));
  const power = curves.length ? chart("Power over the truth's", [{ name: "truth", colour: "#aaa", dash: [4, 4], x: [bands[0], bands[bands.length - 1]], y: [1, 1] }, ...curves],
    { x: "cycles per spectrum", y: "ratio", logX: true, logY: true }) : null;
  return section("Errors and population, against the known truth",
    `${e.spectra} held-out spectra of median S/N ${shown(e.snr, 3)}; normalised flux. Distances to the clean population are free of the sample's own floor; scatter is over the truth's.`,
    table, power ? el("div", { class: "charts", style: { marginTop: "12px" } }, power) : null);
}

function imageErrors(e) {
  const pair = s => withError(s.mean, s.mean_error);
  const heads = ["", "RMSE", "PSNR [dB]", "SSIM", "distance"];
  const rows = e.rows.map(r => el("tr", { class: OWN.has(r.kind) ? "best" : "" }, el("td", {}, r.name),
    ...[pair(r.rmse), pair(r.psnr), pair(r.ssim), withError(r.distance, r.distance_error)].map(t => el("td", { class: "number" }, t))));
  return section("Errors, against the known truth", `${e.images} held-out images; values in ${e.unit || "the file's unit"}.`,
    el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((h, i) => el("th", { class: i ? "number" : "" }, h)))), el("tbody", {}, ...rows)));
}

const withShort = v => shown(v, 3);
const distance = d => d ? withError(d.value, d.error) : "";

/** Mean and scatter over the usable spectra of this page, each divided by its NORM. */
function population() {
  if (!content.spectral) return null;
  const usable = content.objects.filter(o => !o.flag), s = content.spectral;
  if (usable.length < 3) return null;
  const wave = Array.from({ length: s.pixels }, (_, i) => 10 ** (s.loglam0 + i * s.dloglam));
  const kinds = [["OBSERVED", "observed", COLOURS.raw], ["RESTORED", "restored", COLOURS.restored], ["DRAW", "one draw each", COLOURS.draw], ["TRUTH", "truth", COLOURS.truth]]
    .filter(k => content.arrays.includes(k[0]));
  const moments = ([name, label, colour]) => {
    const n = new Float64Array(s.pixels), sum = new Float64Array(s.pixels), square = new Float64Array(s.pixels);
    for (const o of usable) {
      const flux = values(o, name), ivar = values(o, "IVAR"), norm = new Map(o.facts).get("NORM") || 1;
      if (!flux) continue;
      for (let i = 0; i < s.pixels; i++) {
        if (!Number.isFinite(flux[i]) || (name === "OBSERVED" && !(ivar && ivar[i] > 0))) continue;
        const v = flux[i] / norm;
        n[i]++; sum[i] += v; square[i] += v * v;
      }
    }
    const at = f => wave.map((_, i) => n[i] > 2 ? f(i) : null);
    const mean = at(i => sum[i] / n[i]);
    return { label, colour, mean, scatter: at(i => Math.sqrt(Math.max(square[i] / n[i] - mean[i] ** 2, 0) * n[i] / (n[i] - 1))) };
  };
  const all = kinds.map(moments), options = { x: `${s.rest ? "rest" : "observed"} wavelength [Å]`, width: 620, height: 280 };
  const curves = key => all.map(m => ({ name: m.label, colour: m.colour, x: wave, y: m[key], width: 1.2 }));
  // Single pixels of bad sky do not set the range.
  const range = key => {
    const sorted = all.flatMap(m => m[key]).filter(Number.isFinite).sort((a, b) => a - b), at = q => sorted[Math.floor(q * (sorted.length - 1))];
    const pad = 0.15 * (at(0.995) - at(0.005)) || 1;
    return [at(0.005) - pad, at(0.995) + pad];
  };
  return section("Population of the spectra on this page", `Mean and standard deviation over ${usable.length} usable objects, flux / NORM. The scatter of the observations holds their noise; that of means falls short of the population's, that of draws should not.`,
    el("div", { class: "charts" }, chart("Mean", curves("mean"), { ...options, yRange: range("mean") }), chart("Scatter over objects", curves("scatter"), { ...options, yRange: range("scatter") })));
}
