"use strict";
// Images: the chosen object large, and a sheet of all objects that pass the table's filters.

const PANELS = { OBSERVED: "observed", RESTORED: "restored", SIGMA: "σ", SIGMA_PRIOR: "σ, the population's part", DRAW: "one draw", TRUTH: "truth", IVAR: "ivar" };
const panelName = name => PANELS[name] || `quantile ${name}`;

/** How values become brightness: 0 at `low`, 1 at `high`, linear or as asinh(v / softening). */
class Stretch {
  constructor(array, softening, fromZero) {
    const finite = array ? array.filter(Number.isFinite) : [];
    this.of = softening ? v => Math.asinh(v / softening) : v => v;
    this.low = fromZero ? 0 : finite.reduce((a, b) => Math.min(a, b), Infinity);
    this.high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    this.zero = this.of(this.low);
    this.span = this.of(this.high) - this.zero || 1;
  }

  shade(v) { return 255 * (this.of(v) - this.zero) / this.span; }
}

class ImageView {
  constructor(root, table, choose) {
    const p = content.pictures;
    this.root = root;
    this.table = table;
    this.choose = choose;
    this.plane = p.width * p.height;
    this.names = ["OBSERVED", "RESTORED", "SIGMA", "SIGMA_PRIOR", "DRAW", ...content.arrays.filter(n => !(n in PANELS)), "TRUTH", "IVAR"].filter(n => content.arrays.includes(n));
    this.scale = Math.max(Math.floor(64 / Math.max(p.width, p.height)), 1);
    this.softened = Boolean(p.softening);
    this.shownNames = new Set(this.names.filter(n => n !== "IVAR"));
    this.head = el("div", { class: "head" });
    this.panels = el("div", { class: "panels" });
    this.readout = el("div", { class: "readout whole", id: "readout" }, "point at an image to read pixel values");
    this.facts = el("div", { class: "details" });
    this.sheet = el("div", { class: "sheet" });
    this.root.replaceChildren(this.head, this.controls(), this.readout, this.panels,
      el("p", { class: "keys" }, el("kbd", {}, "n"), " ", el("kbd", {}, "p"), " next, previous · yellow: no value"), this.facts,
      el("h2", { style: { marginTop: "14px" } }, "All objects of the table"), this.sheet);
    this.watch = new IntersectionObserver(found => found.forEach(f => { if (f.isIntersecting) this.fill(f.target); }), { root: this.root, rootMargin: "300px" });
    table.filtered = () => this.list();
    this.list();
  }

  controls() {
    const p = content.pictures;
    const box = name => el("label", {}, el("input", {
      type: "checkbox", checked: this.shownNames.has(name), "data-panel": name,
      change: e => { this.shownNames[e.target.checked ? "add" : "delete"](name); this.redraw(); },
    }), panelName(name));
    const size = el("input", { id: "size", type: "range", min: 1, max: Math.max(Math.floor(320 / Math.max(p.width, p.height)), 2), value: this.scale, input: e => { this.scale = +e.target.value; this.list(); } });
    const stretch = p.softening ? [el("label", {}, el("input", { type: "checkbox", checked: true, change: e => { this.softened = e.target.checked; this.redraw(); } }), `asinh(v / ${shown(p.softening)})`)] : [];
    return el("div", { class: "controls" }, ...this.names.map(box), ...stretch, el("label", {}, "sheet: size", size));
  }

  redraw() {
    if (this.object) this.show(this.object);
    this.list();
  }

  resize() { if (this.object) this.show(this.object); }

  /** One stretch for all images of an object, so that they compare; σ, ivar have their own, from 0. */
  stretches(o) {
    const softening = this.softened ? content.pictures.softening : null;
    const own = new Stretch(values(o, "TRUTH") || values(o, "RESTORED") || values(o, "OBSERVED"), softening);
    return name => ["SIGMA", "SIGMA_PRIOR", "IVAR"].includes(name) ? new Stretch(values(o, name), null, true) : own;
  }

  canvas(o, name, scale, stretch) {
    const p = content.pictures, data = values(o, name);
    const canvas = el("canvas", { class: "image", width: p.width, height: p.height, style: { width: `${p.width * scale}px`, height: `${p.height * scale}px` }, "data-array": name });
    const ctx = canvas.getContext("2d");
    if (data) {
      const pixels = ctx.createImageData(p.width, p.height), s = stretch(name);
      for (let j = 0; j < this.plane; j++) {
        const channels = Array.from({ length: p.channels }, (_, c) => data[c * this.plane + j]);
        if (!channels.every(Number.isFinite)) continue;
        const mean = channels.reduce((a, b) => a + b, 0) / p.channels;
        const rgb = p.channels === 3 ? channels : [mean, mean, mean];
        rgb.forEach((v, k) => { pixels.data[4 * j + k] = s.shade(v); });
        pixels.data[4 * j + 3] = 255;
      }
      ctx.putImageData(pixels, 0, 0);
    } else {
      canvas.style.background = "#eee";
    }
    canvas.addEventListener("mousemove", e => this.read(o, name, e));
    return canvas;
  }

  show(o) {
    const p = content.pictures;
    this.object = o;
    const kinds = this.names.filter(n => this.shownNames.has(n)), stretch = this.stretches(o);
    const room = (this.root.clientWidth - 30) / Math.min(Math.max(kinds.length, 1), 6) - 12;
    const scale = Math.max(Math.min(room, 320) / Math.max(p.width, p.height), 0.1);
    const whole = scale >= 1 ? Math.floor(scale) : scale;
    this.head.replaceChildren(
      el("h2", { id: "name" }, o.name || `row ${o.row}`),
      el("span", { class: o.flag ? "bad reason" : "" }, o.flag ? `FLAG ${o.flag}: ${o.reason}` : ""),
      el("span", { class: auditFlagged(o) ? "bad reason" : "" }, auditFlagged(o) ? `audit ${o.audit.flag}: ${o.audit.reason}` : ""),
      el("a", { href: fragment(o), title: "address of this object on this page" }, "# link"));
    this.panels.replaceChildren(...kinds.map(n => el("figure", {}, el("figcaption", {}, panelName(n)), el("div", { class: "framed" }, this.canvas(o, n, whole, stretch), ...this.frames(o, n, whole)))));
    this.facts.replaceChildren(...[this.auditTable(o), factTable(o)].filter(Boolean));
    for (const line of this.sheet.children) line.classList.toggle("chosen", line.dataset.row === String(o.row));
  }

  /** Frames about the audited peaks of the restoration, in the colour of the verdict. */
  frames(o, name, scale) {
    if (name !== "RESTORED" || !o.audit) return [];
    return o.audit.features.map(f => el("div", {
      class: `frame ${f.verdict.toLowerCase()}`, title: `${f.verdict.toLowerCase()} (Δχ² ${shown(f.delta_chi2, 3)})`,
      style: {
        left: `${(f.columns[0] - 1) * scale}px`, top: `${(f.rows[0] - 1) * scale}px`,
        width: `${(f.columns[1] - f.columns[0] + 1) * scale}px`, height: `${(f.rows[1] - f.rows[0] + 1) * scale}px`,
      },
    }));
  }

  auditTable(o) {
    if (!o.audit) return null;
    const several = content.pictures.channels > 1;
    const place = f => `${f.peak[0]}, ${f.peak[1]}${several ? ` of channel ${f.channel}` : ""}`;
    const rows = o.audit.features.map(f => el("tr", {}, el("td", {}, place(f)), el("td", { class: f.verdict.toLowerCase() }, f.verdict.toLowerCase()),
      el("td", { class: "number" }, shown(f.delta_chi2, 3)), el("td", { class: "number" }, shown(f.height, 3))));
    const n = new Map(o.audit.numbers);
    const at = `x ${n.get("LOCAL_X")}, y ${n.get("LOCAL_Y")}${several ? ` of channel ${n.get("LOCAL_CHANNEL")}` : ""}`;
    return auditPart(o, n, at, ["peak at x, y", "verdict", "Δχ²", "height"], rows);
  }

  /** Lays out the sheet; its images are drawn when they come into view. */
  list() {
    const p = content.pictures, kinds = this.names.filter(n => this.shownNames.has(n)), width = `${p.width * this.scale}px`;
    this.watch.disconnect();
    const titles = el("div", { class: "line titles" }, el("span", { class: "name" }), ...kinds.map(n => el("span", { style: { width } }, panelName(n))));
    const line = o => {
      const e = el("div", { class: "line" + (o === this.object ? " chosen" : ""), "data-row": o.row, style: { minHeight: `${p.height * this.scale + 10}px` }, click: () => this.choose(o) },
        el("span", { class: "name", title: o.name }, o.name || `row ${o.row}`));
      e.object = o;
      this.watch.observe(e);
      return e;
    };
    this.sheet.replaceChildren(titles, ...(this.table.objects ? this.table.visible().map(line) : []));
  }

  fill(line) {
    this.watch.unobserve(line);
    const o = line.object, stretch = this.stretches(o);
    line.append(...this.names.filter(n => this.shownNames.has(n)).map(n => this.canvas(o, n, this.scale, stretch)));
  }

  /** The values of the pixel under the cursor, in all images of the object. */
  read(o, name, e) {
    const p = content.pictures, box = e.target.getBoundingClientRect();
    const x = Math.min(Math.max(Math.floor((e.clientX - box.left) / box.width * p.width), 0), p.width - 1);
    const y = Math.min(Math.max(Math.floor((e.clientY - box.top) / box.height * p.height), 0), p.height - 1);
    const at = data => Array.from({ length: p.channels }, (_, c) => data[c * this.plane + y * p.width + x]);
    const band = c => p.channels > 1 && p.bands[c] ? `${p.bands[c]} ` : "";
    const unit = content.unit ? ` ${unitShown(content.unit)}` : "";
    const parts = this.names.filter(n => values(o, n)).flatMap(n => {
      const text = at(values(o, n)).map((v, c) => band(c) + (Number.isFinite(v) ? shown(v) : "no value")).join(", ");
      return [" · ", n === name ? el("u", {}, panelName(n)) : panelName(n), " ", el("b", {}, text)];
    });
    this.readout.replaceChildren(`${o.name || "row " + o.row}: row ${y}, column ${x}${unit && ` [${unit.trim()}]`}`, ...parts);
  }
}
