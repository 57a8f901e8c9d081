"use strict";
// The table of objects: it sorts and filters, and says which object is chosen.

const QUANTITIES = [["equivalent width", 4, "Å, rest frame"], ["peak", 0, ""], ["centroid", 2, "Å, observed frame"]];

class ObjectTable {
  /** `choose` is called with an object that the user picks. */
  constructor(scroll, tools, choose) {
    this.scroll = scroll;
    this.choose = choose;
    this.quantity = 0;
    this.sorted = { column: "row", up: true };
    this.filters = {};
    this.rows = new Map();
    this.count = el("span", { class: "count" });
    tools.append(...this.tools(), this.count);
    this.build();
  }

  tools() {
    const kinds = { all: () => true, usable: o => !o.flag, flagged: o => o.flag || auditFlagged(o) };
    this.kind = kinds.all;
    const select = el("select", { id: "kind", change: e => { this.kind = kinds[e.target.value]; this.filter(); } },
      ...Object.keys(kinds).map(k => el("option", { value: k }, k)));
    const tools = [el("label", {}, "show ", select)];
    if (content.spectral && content.spectral.measured.length) {
      const lines = el("select", { id: "quantity", change: e => { this.quantity = +e.target.value; this.build(); } },
        ...QUANTITIES.map(([name], i) => el("option", { value: i }, name)));
      tools.push(el("label", {}, "lines: ", lines));
    }
    tools.push(el("button", { id: "clear", click: () => this.clear() }, "clear filters"));
    return tools;
  }

  columns() {
    const is = name => content.objects.some(o => o[name] !== null && o[name] !== "");
    const columns = [
      { key: "row", title: "row", number: true, of: o => o.row, text: o => String(o.row), hint: "row of the catalog, from 0" },
      { key: "name", title: "name", of: o => o.name, text: o => o.name, hint: "part of a name" },
    ];
    if (is("z")) columns.push({ key: "z", title: "z", number: true, of: o => o.z, text: o => shown(o.z, 4), hint: "redshift" });
    if (is("snr")) columns.push({ key: "snr", title: "S/N", number: true, of: o => o.snr, text: o => shown(o.snr, 3), hint: "median S/N per good pixel" });
    columns.push({ key: "flag", title: "flag", of: flagText, text: flagText, bad: o => o.flag, hint: "FLAG and REASON of the catalog" });
    if (content.audit_file) {
      columns.push({ key: "audit", title: "audit", of: auditText, text: auditText, bad: auditFlagged, hint: "FLAG and REASON of the audit" });
      for (const verdict of ["SUPPORTED", "UNDECIDED", "CONTRADICTED"]) {
        const of = o => o.audit ? o.audit.features.filter(f => f.verdict === verdict).length : null;
        columns.push({
          key: verdict, title: { SUPPORTED: "sup.", UNDECIDED: "und.", CONTRADICTED: "contr." }[verdict], number: true, of,
          text: o => of(o) === null ? "" : String(of(o)), mark: o => of(o) ? verdict.toLowerCase() : "",
          hint: `features that the audit calls ${verdict.toLowerCase()}`,
        });
      }
    }
    const [quantity, k, unit] = QUANTITIES[this.quantity];
    (content.spectral ? content.spectral.measured : []).forEach((line, i) => {
      const of = (o, j) => o.lines.length ? o.lines[i][k + j] : null;
      columns.push({
        key: `line${i}`, title: line, number: true, of: o => of(o, 0),
        text: o => withError(of(o, 0), of(o, 1)), hint: `${line}: ${quantity}${unit ? ", " + unit : ""}, ± scatter of the draws`,
      });
    });
    columns.push({ key: "heldout", title: "held out", of: o => o.heldout ? "yes" : "no", text: o => o.heldout ? "yes" : "no", hint: "kept out of training" });
    return columns;
  }

  build() {
    this.cols = this.columns();
    const heads = this.cols.map(c => el("th", {
      class: c.number ? "number" : "", title: c.hint, scope: "col", "data-key": c.key, click: () => this.sort(c.key),
    }, c.title));
    const inputs = this.cols.map(c => {
      const input = el("input", {
        "data-key": c.key, type: "text", placeholder: c.number ? "1..2" : "", spellcheck: "false",
        "aria-label": `filter ${c.title}`,
        title: c.number ? "e.g. >2, <=3.1, 2..3 or 5" : "part of the text; !text leaves it out",
        input: () => { this.filters[c.key] = input.value; this.filter(); },
      });
      input.value = this.filters[c.key] || "";
      return el("td", {}, input);
    });
    const body = el("tbody");
    this.rows = new Map(content.objects.map(o => {
      const cells = this.cols.map(c => el("td", {
        class: [c.number ? "number" : "long", c.bad && c.bad(o) ? "bad" : "", c.mark ? c.mark(o) : ""].join(" "),
        ...(c.number ? {} : { title: c.text(o) }),
      }, c.text(o)));
      return [o, el("tr", { "data-row": o.row, click: () => this.choose(o) }, ...cells)];
    }));
    this.body = body;
    this.inputs = inputs.map(td => td.firstChild);
    this.heads = heads;
    this.scroll.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ...heads), el("tr", {}, ...inputs)), body));
    this.order();
    this.filter();
    if (this.chosen) this.mark(this.chosen);
  }

  sort(key) {
    const up = this.sorted.column === key ? !this.sorted.up : true;
    this.sorted = { column: key, up };
    this.order();
  }

  order() {
    const c = this.cols.find(c => c.key === this.sorted.column) || this.cols[0], sign = this.sorted.up ? 1 : -1;
    const missing = v => v === null || v === undefined || v === "" || Number.isNaN(v);
    const compare = (a, b) => {
      const x = c.of(a), y = c.of(b);
      // Missing values are last, whatever the direction.
      if (missing(x) || missing(y)) return missing(x) - missing(y) || a.row - b.row;
      const order = c.number ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
      return sign * order || a.row - b.row;
    };
    this.objects = [...content.objects].sort(compare);
    this.body.append(...this.objects.map(o => this.rows.get(o)));
    for (const head of this.heads) {
      if (head.dataset.key === c.key) head.setAttribute("aria-sort", this.sorted.up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  }

  filter() {
    const tests = [];
    this.cols.forEach((c, i) => {
      const input = this.inputs[i], text = input.value.trim();
      const test = !text ? null : c.number ? numberTest(text) : textTest(text);
      input.setCustomValidity(text && !test ? "not understood" : "");
      if (test) tests.push(o => test(c.of(o)));
    });
    let n = 0;
    for (const [o, tr] of this.rows) {
      tr.hidden = !(this.kind(o) && tests.every(t => t(o)));
      n += !tr.hidden;
    }
    this.count.textContent = n === content.objects.length ? `${n} objects` : `${n} of ${content.objects.length} objects`;
    if (this.filtered) this.filtered();
  }

  clear() {
    this.filters = {};
    for (const input of this.inputs) input.value = "";
    document.getElementById("kind").value = "all";
    this.kind = () => true;
    this.filter();
  }

  /** The objects that pass the filters, in the order of the table. */
  visible() {
    return this.objects.filter(o => !this.rows.get(o).hidden);
  }

  /** The object `by` places after the chosen one. */
  step(by) {
    const all = this.visible(), i = all.indexOf(this.chosen);
    if (all.length) this.choose(all[i < 0 ? 0 : Math.min(Math.max(i + by, 0), all.length - 1)]);
  }

  mark(o) {
    if (this.chosen && this.rows.get(this.chosen)) this.rows.get(this.chosen).classList.remove("chosen");
    this.chosen = o;
    const tr = this.rows.get(o);
    tr.classList.add("chosen");
    tr.scrollIntoView({ block: "nearest" });
  }
}

const flagText = o => o.flag ? `${o.flag}: ${o.reason}` : "ok";
// Bit 1: there was nothing to audit.
const auditFlagged = o => Boolean(o.audit && o.audit.flag & ~1);
const auditText = o => !o.audit ? "" : o.audit.flag ? `${o.audit.flag}: ${o.audit.reason}` : "ok";

/** `>2`, `<=3.1`, `2..3`, `5`, several apart by spaces; null if it is none of these. */
function numberTest(text) {
  const one = part => {
    const range = part.match(/^(.*?)\.\.(.*)$/), sign = part.match(/^(>=|<=|>|<|=)(.+)$/);
    const number = t => t.trim() === "" ? NaN : Number(t);
    if (range) {
      const low = range[1] === "" ? -Infinity : number(range[1]), high = range[2] === "" ? Infinity : number(range[2]);
      return Number.isNaN(low) || Number.isNaN(high) ? null : v => v >= low && v <= high;
    }
    const than = number(sign ? sign[2] : part);
    if (Number.isNaN(than)) return null;
    const tests = { ">": v => v > than, "<": v => v < than, ">=": v => v >= than, "<=": v => v <= than, "=": v => v === than };
    return tests[sign ? sign[1] : "="];
  };
  const tests = text.replace(/([<>=])\s+/g, "$1").split(/\s+/).map(one);
  if (tests.includes(null)) return null;
  return v => v !== null && Number.isFinite(v) && tests.every(t => t(v));
}

function textTest(text) {
  const not = text.startsWith("!"), part = (not ? text.slice(1) : text).toLowerCase();
  return v => String(v).toLowerCase().includes(part) !== not;
}

/** What the audit found: numbers by their names, where the strongest residual is, and a table of features. */
function auditPart(o, n, at, head, rows) {
  const p = name => n.get(name) === null ? "" : ` (p = ${shown(n.get(name), 2)})`;
  const sums = [
    n.get("CHI2") === null ? "" : `χ² of F(restored): ${shown(n.get("CHI2"), 4)} of ${n.get("DOF")}${p("CHI2_P")}`,
    n.get("LOCAL_S") === null ? "" : `strongest residual: ${shown(n.get("LOCAL_S"), 3)} σ at ${at}${p("LOCAL_P")}`,
  ];
  const words = ["feature", "verdict", "peak at x, y"];
  return el("div", {}, el("h3", {}, "Audit: ", el("span", { class: auditFlagged(o) ? "bad" : "" }, auditText(o))),
    ...sums.filter(Boolean).map(t => el("div", {}, t)),
    rows.length ? el("table", {}, el("tr", {}, ...head.map(t => el("th", { class: words.includes(t) ? "" : "number" }, t))), ...rows) : "no features");
}
