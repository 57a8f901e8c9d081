"use strict";
// What the page holds, and small tools that every part uses.

const content = JSON.parse(document.getElementById("content").textContent);

const COLOURS = {
  observed: "#8a8a8a", raw: "#c4c4c4", noise: "#b08fc7", restored: "#0072b2", draw: "#009e73",
  truth: "#d55e00", quantiles: "#cc79a7", masked: "#f0e442", line: "#9aa0a6", ink: "#222",
  SUPPORTED: "#1b8a3a", UNDECIDED: "#b8860b", CONTRADICTED: "#c62828",
};

/** An element with attributes, listeners (functions) and children. Texts become texts, never markup. */
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") e.addEventListener(name, value);
    else if (name === "class") e.className = value;
    else if (name === "style") Object.assign(e.style, value);
    else if (name in e && typeof value === "boolean") e[name] = value;
    else e.setAttribute(name, value);
  }
  e.append(...children.filter(c => c !== null && c !== undefined));
  return e;
}

const decoded = new WeakMap();

/** The float32 values of the array `name` of an object; null where it has none. */
function values(object, name) {
  let arrays = decoded.get(object);
  if (!arrays) decoded.set(object, arrays = {});
  if (!(name in arrays)) {
    const text = object.data[content.arrays.indexOf(name)];
    arrays[name] = text ? floats(text) : null;
  }
  return arrays[name];
}

function floats(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

/** For uPlot: a number that is not finite becomes a gap. */
function gaps(array) {
  return array ? Array.from(array, v => Number.isFinite(v) ? v : null) : null;
}

/** A number in about `digits` digits; nothing for one that is missing. */
function shown(v, digits = 4) {
  if (v === null || v === undefined || !Number.isFinite(v)) return "";
  const a = Math.abs(v);
  if (a !== 0 && (a >= 1e6 || a < 1e-3)) return v.toExponential(Math.max(digits - 2, 1));
  const before = a < 1 ? 1 : Math.floor(Math.log10(a)) + 1;
  return v.toFixed(Math.min(Math.max(digits - before, 0), 6));
}

/** A value and its error in the digits that the error allows. */
function withError(v, error) {
  if (v === null || !Number.isFinite(v)) return "";
  if (error === null || !Number.isFinite(error)) return shown(v);
  const places = error > 0 ? Math.min(Math.max(1 - Math.floor(Math.log10(error)), 0), 6) : 2;
  if (Math.abs(v) >= 1e6) return `${shown(v)} ± ${shown(error, 2)}`;
  return `${v.toFixed(places)} ± ${error.toFixed(places)}`;
}

/** FITS unit strings as people write them. */
function unitShown(unit) {
  return unit
    .replace(/10\*\*\(?([-+]?\d+)\)?/g, (_, n) => "10" + superscript(n))
    .replace(/1[eE]([-+]?\d+)/g, (_, n) => "10" + superscript(n))
    .replace(/Angstrom/g, "Å")
    .replace(/([A-Za-zÅ])\^?(-\d+)/g, (_, unit, n) => unit + superscript(n));
}

function superscript(text) {
  const signs = { "-": "⁻", "+": "" };
  return [...text].map(c => c in signs ? signs[c] : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("");
}

/** What the fragment of the page's address calls an object: its name, or its row where that is no name. */
const names = new Map();
for (const o of content.objects) names.set(o.name, (names.get(o.name) || 0) + 1);
const keyOf = o => o.name && names.get(o.name) === 1 ? o.name : `row:${o.row}`;
const byKey = new Map(content.objects.map(o => [keyOf(o), o]));
const fragment = o => "#" + encodeURIComponent(keyOf(o));

function median(list) {
  const sorted = list.filter(Number.isFinite).sort((a, b) => a - b), n = sorted.length;
  return n ? (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2 : NaN;
}
