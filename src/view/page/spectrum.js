"use strict";
// The plot of one spectrum: observed, restored, draw, truth, with lines, masked pixels and audited features.

/** Smooths flux with a Gaussian of `sigma` pixels, weighted by ivar; masked pixels count for nothing. */
function smoothed(flux, ivar, sigma) {
  const n = flux.length, reach = Math.ceil(4 * sigma);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-0.5 * ((k - reach) / sigma) ** 2));
  const value = new Array(n).fill(null), noise = new Array(n).fill(null);
  for (let i = 0; i < n; i++) {
    if (!(ivar[i] > 0)) continue;
    let sum = 0, weight = 0, variance = 0;
    for (let k = Math.max(0, i - reach); k <= Math.min(n - 1, i + reach); k++) {
      if (!(ivar[k] > 0)) continue;
      const g = kernel[k - i + reach];
      sum += g * ivar[k] * flux[k];
      weight += g * ivar[k];
      variance += g * g * ivar[k];
    }
    value[i] = sum / weight;
    noise[i] = Math.sqrt(variance) / weight;
  }
  return { value, noise };
}

/** Runs of pixels that were not observed, first and last. */
function maskedRuns(ivar) {
  const runs = [];
  ivar.forEach((v, i) => {
    if (v > 0) return;
    if (runs.length && runs[runs.length - 1][1] === i - 1) runs[runs.length - 1][1] = i;
    else runs.push([i, i]);
  });
  return runs;
}

/** About `count` round numbers between two. */
function roundTicks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(f => f * power).find(s => s >= rough);
  const ticks = [];
  for (let t = Math.ceil(low / step) * step; t <= high; t += step) ticks.push(+t.toPrecision(12));
  return ticks;
}

/** The frames of FITS in words. */
const FRAMES = { HELIOCEN: "heliocentric", BARYCENT: "barycentric", TOPOCENT: "topocentric", GEOCENTR: "geocentric", LSRK: "LSR (kinematic)" };

class SpectrumView {
  constructor(root) {
    const s = content.spectral;
    this.root = root;
    this.place(0);
    this.unit = unitShown(content.unit);
    this.smoothing = 0;
    this.after = "all";
    this.panning = false;
    // The fluxes that are shown: uPlot asks for them whenever it lays out the plot.
    this.reach = [0, 1];
    this.quantiles = s.quantiles;
    this.shown = { observed: true, noise: true, restored: true, sigma: true, draw: false, quantiles: false, truth: true, lines: true, masked: true, features: true };
    this.keys = {
      r: () => this.full(), 0: () => this.full(), "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
      ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2),
    };
    this.lay();
    this.plot();
  }

  // --- the elements around the plot ---

  lay() {
    this.head = el("div", { class: "head" });
    this.readout = el("div", { class: "readout", id: "readout" });
    this.canvas = el("div", { class: "plot" });
    this.details = el("div", { class: "details" });
    this.root.replaceChildren(this.head, this.curves(), this.controls(), this.readout, this.canvas,
      el("p", { class: "keys" },
        el("kbd", {}, "n"), " ", el("kbd", {}, "p"), " next, previous · drag: zoom · ", el("kbd", {}, "shift"), "+drag: pan · wheel: zoom · double click or ",
        el("kbd", {}, "r"), ": all · ", el("kbd", {}, "+"), " ", el("kbd", {}, "-"), " ", el("kbd", {}, "←"), " ", el("kbd", {}, "→"), " zoom, pan"),
      this.details);
  }

  curves() {
    const has = name => content.arrays.includes(name);
    const entries = [
      ["observed", "observed", COLOURS.observed, "pixels that were observed; smoothed by the slider"],
      ["noise", "noise", COLOURS.noise, "1σ of the observed (or smoothed) flux, from IVAR"],
      ["restored", content.restored === "ODE restoration" ? "restored (ODE)" : "restored", COLOURS.restored, content.restored],
    ];
    if (has("SIGMA")) entries.push(["sigma", "± σ", "rgba(0,114,178,.3)", "scatter of the draws", true]);
    if (this.quantiles.length) entries.push(["quantiles", `quantiles ${this.quantiles.map(q => q[1]).join(", ")}`, COLOURS.quantiles, "of the draws"]);
    if (has("DRAW")) entries.push(["draw", "one draw", COLOURS.draw, content.draw]);
    if (has("TRUTH")) entries.push(["truth", "truth", COLOURS.truth, content.truth_file]);
    entries.push(["lines", "lines", COLOURS.line, "emission lines at z"], ["masked", "masked", "rgba(240,228,66,.7)", "pixels without data", true]);
    if (content.audit_file) entries.push(["features", "audited features", COLOURS.SUPPORTED, "green: supported by the data; amber: undecided; red: contradicted", true]);
    const toggle = ([key, name, colour, title, band]) => el("button", {
      class: "curve", "aria-pressed": String(this.shown[key]), title, "data-curve": key,
      click: e => {
        this.shown[key] = !this.shown[key];
        e.currentTarget.setAttribute("aria-pressed", String(this.shown[key]));
        this.visibility();
      },
    }, el("i", { class: band ? "band" : "", style: band ? { background: colour } : { borderColor: colour } }), name);
    return el("div", { class: "controls" }, ...entries.map(toggle));
  }

  controls() {
    this.sigma = el("output", {}, "0");
    const slider = el("input", {
      id: "smoothing", type: "range", min: 0, max: 20, step: 0.5, value: 0,
      input: e => { this.smoothing = +e.target.value; this.sigma.textContent = e.target.value; this.data(); },
    });
    this.redshift = el("input", { id: "z", type: "number", step: 0.001, min: -0.9, input: e => this.shift(e.target.value) });
    const after = el("select", { id: "after", change: e => { this.after = e.target.value; } },
      el("option", { value: "all" }, "show all"), el("option", { value: "observed" }, "keep the observed range"), el("option", { value: "rest" }, "keep the rest range"));
    const pan = el("button", {
      id: "pan", "aria-pressed": "false", title: "what dragging does", click: e => {
        this.panning = !this.panning;
        e.currentTarget.textContent = this.panning ? "drag: pan" : "drag: zoom";
        this.canvas.classList.toggle("pan", this.panning);
      },
    }, "drag: zoom");
    return el("div", { class: "controls" },
      el("label", { title: "Gaussian, weighted by ivar; for the eye alone" }, "smooth", slider, el("span", {}, this.sigma, " px")),
      el("label", { title: "moves the marked lines and the rest axis" }, "lines at z", this.redshift),
      el("button", { id: "z-reset", click: () => this.shift(null) }, "catalog's z"), el("span", { class: "gap" }),
      pan, el("button", { id: "all", click: () => this.full() }, "show all"), el("label", {}, "next object:", after));
  }

  // --- the plot ---

  plot() {
    const line = (label, stroke, width = 1) => ({ label, stroke, width, points: { show: false }, spanGaps: false });
    const invisible = { stroke: "transparent", width: 0, points: { show: false } };
    const top = {
      scale: "x", side: 0, size: 44, grid: { show: false },
      splits: (u, i, low, high) => this.z > -1
        ? roundTicks(low / (1 + this.z), high / (1 + this.z), Math.max(u.width / 130, 2)).map(t => t * (1 + this.z)) : [],
      values: (u, ticks) => ticks.map(t => String(+(t / (1 + this.z)).toPrecision(6))),
    };
    const frame = content.spectral.frame ? `, ${FRAMES[content.spectral.frame] || content.spectral.frame}` : "";
    const quantiles = this.quantiles.map(q => q[0]);
    this.names = ["noise", "raw", "observed", "upper", "lower", "draw", "truth", "restored", ...quantiles];
    this.u = new uPlot({
      width: this.width(), height: this.height(), ...noLegend, padding: [0, 14, 0, 0],
      scales: { x: { time: false, range: (u, low, high) => [low, high] }, y: { range: () => this.reach } },
      axes: [
        axis(`observed wavelength [Å, vacuum${frame}]`, { size: 34, values: tickLabels }),
        axis(this.unit ? `flux [${this.unit}]` : "flux", { size: 58, values: tickLabels }),
        axis("rest wavelength [Å]", top),
      ],
      series: [{},
        line("noise", COLOURS.noise), line("observed, not smoothed", COLOURS.raw), line("observed", () => this.smoothing ? "#4a4a4a" : COLOURS.observed),
        invisible, invisible, line("draw", COLOURS.draw, 1.2), line("truth", COLOURS.truth, 1.4), line("restored", COLOURS.restored, 1.8),
        ...quantiles.map(name => line(name, COLOURS.quantiles))],
      bands: [{ series: [4, 5], fill: "rgba(0,114,178,.2)" }],
      cursor: {
        drag: { x: true, y: true, uni: 40, setScale: false }, points: { show: false },
        bind: { mousedown: (u, target, act) => e => this.grab(e) || act(e), dblclick: () => () => { this.full(); return null; } },
      },
      hooks: {
        setSelect: [u => this.selected(u)], setCursor: [u => this.read(u.cursor.idx, u.cursor.left)],
        drawClear: [u => this.behind(u)], draw: [u => this.labels(u)],
      },
    }, [this.wave, ...this.names.map(() => [])], this.canvas);
    this.u.over.addEventListener("wheel", e => this.wheel(e), { passive: false });
  }

  width() { return Math.max(this.root.clientWidth - 24, 320); }
  height() { return Math.max(Math.min(window.innerHeight - 330, 560), 300); }
  resize() { this.u.setSize({ width: this.width(), height: this.height() }); }

  show(o) {
    const before = this.object && { z: this.z, range: [this.u.scales.x.min, this.u.scales.x.max] };
    this.object = o;
    this.place(o.z_grid);
    this.z = o.z;
    this.redshift.value = o.z === null ? "" : +o.z.toFixed(5);
    this.about(o);
    this.data();
    const ratio = before && this.after === "rest" && before.z !== null && o.z !== null ? (1 + o.z) / (1 + before.z) : 1;
    if (before && this.after !== "all") this.range(...before.range.map(x => x * ratio));
    else this.full();
    this.visibility();
  }

  /** The pixels where an object showed them that was moved to the grid by the redshift `z`; null: unknown. */
  place(z) {
    const s = content.spectral;
    this.stretch = 1 + (z ?? 0);
    this.wave = Array.from({ length: s.pixels }, (_, i) => this.stretch * 10 ** (s.loglam0 + i * s.dloglam));
  }

  /** Sets the curves of the object; the range stays. */
  data() {
    const o = this.object, a = name => values(o, name);
    const flux = a("OBSERVED"), ivar = a("IVAR") || new Float32Array(this.wave.length), restored = a("RESTORED"), sigma = a("SIGMA");
    const raw = flux ? Array.from(flux, (v, i) => ivar[i] > 0 && Number.isFinite(v) ? v : null) : [];
    const soft = flux && this.smoothing > 0 ? smoothed(flux, ivar, this.smoothing) : null;
    const edge = sign => restored && sigma ? Array.from(restored, (v, i) => Number.isFinite(v + sigma[i]) ? v + sign * sigma[i] : null) : [];
    this.masked = maskedRuns(ivar);
    this.sets = {
      noise: soft ? soft.noise : Array.from(ivar, v => v > 0 ? 1 / Math.sqrt(v) : null),
      raw: soft ? raw : [], observed: soft ? soft.value : raw,
      upper: edge(1), lower: edge(-1),
      draw: gaps(a("DRAW")) || [], truth: gaps(a("TRUTH")) || [], restored: gaps(restored) || [],
    };
    for (const [name] of this.quantiles) this.sets[name] = gaps(a(name)) || [];
    this.u.setData([this.wave, ...this.names.map(n => this.sets[n].length ? this.sets[n] : new Array(this.wave.length).fill(null))], false);
    this.u.redraw();
    this.read(null);
  }

  visibility() {
    const s = this.shown, on = {
      noise: s.noise, raw: s.observed, observed: s.observed, upper: s.restored && s.sigma, lower: s.restored && s.sigma,
      draw: s.draw, truth: s.truth, restored: s.restored,
    };
    this.names.forEach((n, i) => this.u.setSeries(i + 1, { show: n in on ? on[n] : s.quantiles }));
    // Not more than that: a full redraw would undo a range that is set but not yet drawn.
    this.u.redraw(false);
  }

  // --- ranges ---

  full() { this.range(this.edge(0, -0.5), this.edge(this.wave.length - 1, 0.5)); }

  /** Å at `part` of a pixel beside the centre of pixel `i`. */
  edge(i, part) {
    const s = content.spectral;
    return this.stretch * 10 ** (s.loglam0 + (i + part) * s.dloglam);
  }

  /** Shows the wavelengths from `low` to `high`, and the fluxes that are there or those given. */
  range(low, high, fluxes) {
    const [first, last] = [this.edge(0, -0.5), this.edge(this.wave.length - 1, 0.5)];
    const width = Math.min(Math.max(high - low, 5 * (this.wave[1] - this.wave[0])), last - first);
    low = Math.min(Math.max(low, first), last - width);
    this.reach = fluxes || this.fluxes(low, low + width);
    this.u.setScale("x", { min: low, max: low + width });
  }

  /** All of restoration and truth; of the observation as much of its noise as does not dwarf them. */
  fluxes(low, high) {
    const inside = name => this.sets[name].filter((v, i) => v !== null && v !== undefined && this.wave[i] >= low && this.wave[i] <= high);
    const main = [...inside("restored"), ...inside("truth")], seen = inside("observed");
    const centre = median(seen), scatter = 1.4826 * median(seen.map(v => Math.abs(v - centre))) || 0;
    let top = main.reduce((a, b) => Math.max(a, b), -Infinity), bottom = main.reduce((a, b) => Math.min(a, b), Infinity);
    if (Number.isFinite(centre)) {
      const span = Number.isFinite(top) ? Math.max(top - bottom, Math.abs(top) * 0.3) : Infinity;
      top = Math.max(top, Math.min(centre + 3 * scatter, top + 0.8 * span || Infinity));
      bottom = Math.min(bottom, Math.max(centre - 3 * scatter, bottom - 0.8 * span || -Infinity));
    }
    if (!Number.isFinite(top) || !Number.isFinite(bottom)) return [0, 1];
    bottom = Math.min(bottom, 0 < top && bottom < 0.35 * top ? 0 : bottom);
    const pad = (top - bottom) * 0.06 || Math.abs(top) * 0.1 || 1;
    return [bottom - pad, top + 2.2 * pad];
  }

  zoom(factor, at) {
    const { min, max } = this.u.scales.x;
    const x = at === undefined ? (min + max) / 2 : at;
    this.range(x - (x - min) * factor, x + (max - x) * factor);
  }

  pan(part) {
    const { min, max } = this.u.scales.x;
    this.range(min + part * (max - min), max + part * (max - min));
  }

  wheel(e) {
    e.preventDefault();
    const by = Math.exp(Math.max(Math.min(e.deltaY, 200), -200) * 0.002);
    if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) this.pan((e.deltaX || e.deltaY) / 800);
    else this.zoom(by, this.u.posToVal(this.u.cursor.left, "x"));
  }

  selected(u) {
    const { left, top, width, height } = u.select;
    if (width < 4 && height < 4) return;
    const x = [left, left + width].map(p => u.posToVal(p, "x"));
    const box = height < u.over.clientHeight - 1;
    const y = box ? [top + height, top].map(p => u.posToVal(p, "y")) : undefined;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.range(...x, y);
  }

  /** Begins to pan, if the button, the key or the mode says so. */
  grab(e) {
    if (e.button !== 0 || e.shiftKey === this.panning) return false;
    const { x, y } = this.u.scales, start = { x: e.clientX, y: e.clientY, low: x.min, high: x.max, from: y.min, to: y.max };
    const move = e => {
      const dx = (e.clientX - start.x) / this.u.over.clientWidth * (start.high - start.low);
      const dy = (e.clientY - start.y) / this.u.over.clientHeight * (start.to - start.from);
      this.range(start.low - dx, start.high - dx, [start.from + dy, start.to + dy]);
    };
    const end = () => {
      document.removeEventListener("mousemove", move);
      document.removeEventListener("mouseup", end);
    };
    document.addEventListener("mousemove", move);
    document.addEventListener("mouseup", end);
    return true;
  }

  shift(z) {
    this.z = z === null ? this.object.z : z === "" || !(+z > -1) ? null : +z;
    if (z === null) this.redshift.value = this.z === null ? "" : +this.z.toFixed(5);
    this.u.redraw(false, true);
  }

  // --- what is drawn around the curves ---

  behind(u) {
    const { ctx, bbox } = u, px = v => u.valToPos(v, "x", true);
    const band = (from, to, colour, top, height) => {
      const left = Math.max(px(from), bbox.left), right = Math.min(px(to), bbox.left + bbox.width);
      if (right <= left) return;
      ctx.fillStyle = colour;
      ctx.fillRect(left, top, Math.max(right - left, devicePixelRatio), height);
    };
    ctx.save();
    if (this.shown.masked) {
      for (const [a, b] of this.masked || []) band(this.edge(a, -0.5), this.edge(b, 0.5), "rgba(240,228,66,.38)", bbox.top, bbox.height);
    }
    if (this.shown.features) {
      const strip = 7 * devicePixelRatio;
      for (const f of this.features()) {
        const colour = COLOURS[f.verdict] || COLOURS.ink;
        band(f.wave[1], f.wave[2], colour + "14", bbox.top, bbox.height);
        band(f.wave[1], f.wave[2], colour, bbox.top + bbox.height - strip, strip);
      }
    }
    ctx.restore();
  }

  labels(u) {
    if (!this.shown.lines || this.z === null || this.z === undefined) return;
    const { ctx, bbox } = u, ratio = devicePixelRatio, ends = [];
    ctx.save();
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.lineWidth = ratio;
    const marks = content.spectral.marks.map(([name, rest]) => [name, u.valToPos(rest * (1 + this.z), "x", true)]);
    for (const [name, x] of marks.sort((a, b) => a[1] - b[1])) {
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = COLOURS.line;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      // The first row of names where there is room.
      const width = ctx.measureText(name).width;
      let row = ends.findIndex(end => end < x);
      if (row < 0) row = ends.length;
      ends[row] = x + width + 8 * ratio;
      ctx.fillStyle = "rgba(255,255,255,.75)";
      ctx.fillRect(x + 2 * ratio, bbox.top + (2 + 13 * row) * ratio, width + 2 * ratio, 12 * ratio);
      ctx.fillStyle = COLOURS.ink;
      ctx.fillText(name, x + 3 * ratio, bbox.top + (2 + 13 * row) * ratio);
    }
    ctx.restore();
  }

  features() { return this.object && this.object.audit ? this.object.audit.features : []; }

  /** Says what is under the cursor. */
  read(i, left) {
    if (i === null || i === undefined || left < 0) {
      this.readout.replaceChildren("point at the plot to read values");
      return;
    }
    const s = this.sets, w = this.wave[i], parts = [];
    const item = (name, text) => text && parts.push(" · ", `${name} `, el("b", {}, text));
    parts.push("λ ", el("b", {}, `${w.toFixed(2)} Å`));
    if (this.z !== null) item("rest", `${(w / (1 + this.z)).toFixed(2)} Å`);
    if (s.observed[i] === null || s.observed[i] === undefined) parts.push(" · ", el("b", {}, "masked"));
    else item(this.smoothing ? "smoothed" : "observed", withError(s.observed[i], s.noise[i]));
    item("restored", withError(s.restored[i] ?? null, s.upper.length ? s.upper[i] - s.restored[i] : null));
    if (this.shown.draw) item("draw", shown(s.draw[i]));
    if (this.shown.quantiles) for (const [name] of this.quantiles) item(name.toLowerCase(), shown(s[name][i]));
    if (this.shown.truth) item("truth", shown(s.truth[i]));
    for (const f of this.features()) {
      if (w >= f.wave[1] && w <= f.wave[2]) parts.push(" · ", el("b", { class: f.verdict.toLowerCase() }, `${featureName(f)}: ${f.verdict.toLowerCase()}`), ` (Δχ² ${shown(f.delta_chi2, 3)})`);
    }
    this.readout.replaceChildren(...parts);
  }

  // --- what is said of the object ---

  about(o) {
    const z = o.z === null ? "z unknown" : `z = ${shown(o.z, 5)}`;
    this.head.replaceChildren(
      el("h2", { id: "name" }, o.name || `row ${o.row}`), el("span", {}, z),
      el("span", {}, o.snr === null ? "" : `S/N ${shown(o.snr, 3)}`),
      el("span", { class: o.flag ? "bad reason" : "" }, o.flag ? `FLAG ${o.flag}: ${o.reason}` : ""),
      el("span", { class: auditFlagged(o) ? "bad reason" : "" }, auditFlagged(o) ? `audit ${o.audit.flag}: ${o.audit.reason}` : ""),
      el("a", { href: fragment(o), title: "address of this object on this page" }, "# link"));
    this.details.replaceChildren(...[this.lineTable(o), this.auditTable(o), factTable(o)].filter(Boolean));
  }

  lineTable(o) {
    if (!o.lines.length) return null;
    const rows = content.spectral.measured.map((name, i) => {
      const q = o.lines[i];
      return el("tr", {}, el("td", {}, name), ...[0, 2, 4].map(k => el("td", { class: "number" }, withError(q[k], q[k + 1]) || "—")));
    });
    const head = ["line", "peak", "centroid [Å, obs.]", "EW [Å, rest]"].map((t, i) => el("th", { class: i ? "number" : "" }, t));
    return el("div", {}, el("h3", {}, "Measured lines"), el("table", {}, el("tr", {}, ...head), ...rows));
  }

  auditTable(o) {
    if (!o.audit) return null;
    const go = f => this.range(...[-1, 1].map(s => f.wave[0] + s * Math.max(4 * (f.wave[2] - f.wave[1]), 100)));
    const rows = o.audit.features.map(f => el("tr", { class: "go", title: "show it", click: () => go(f) },
      el("td", {}, featureName(f)), el("td", { class: "number" }, f.wave[0].toFixed(1)), el("td", { class: f.verdict.toLowerCase() }, f.verdict.toLowerCase()),
      el("td", { class: "number" }, shown(f.delta_chi2, 3)), el("td", { class: "number" }, shown(f.height, 3))));
    const n = new Map(o.audit.numbers);
    return auditPart(o, n, `${shown(n.get("LOCAL_WAVE"), 5)} Å`, ["feature", "λ [Å]", "verdict", "Δχ²", "height"], rows);
  }
}

/** FITS knows no Greek. */
const featureName = f => f.name.replace(/^Lya$/, "Lyα");

function factTable(o) {
  const row = (name, value) => el("tr", {}, el("th", {}, name), el("td", { class: "source" }, String(value)));
  return el("div", {}, el("h3", {}, "Object"), el("table", {},
    row("row", o.row), ...o.facts.map(([name, value]) => row(name.toLowerCase(), value)), row("held out", o.heldout ? "yes" : "no")));
}
